//! Users for programs to run as: those that an image has, and how one is made where there is none.

mod grant;

pub(crate) use self::grant::{Grant, grant};

use super::Refusal;
use crate::knowledge::{Family, ImageFacts, Shell, User, UserTool};

/// Name and number of a user that a fix makes. The number is above those that a distribution gives to people (1000) and
/// its own services (below 1000), so that it is free (H034), and below 60000, which `BusyBox` takes for the end.
const NAME: &str = "app";
const NUMBER: u32 = 10001;

/// A user to run as.
#[derive(Debug)]
pub(crate) struct RunAs {
    /// What USER is to say.
    pub(crate) user: String,
    /// The command that makes the user, when it is not there.
    pub(crate) made_by: Option<String>,
    /// For the title: `node (uid 1000)`.
    pub(crate) shown: String,
    /// The name and number by which the image knows the user.
    names: Vec<String>,
    /// What the user of the tool should know.
    pub(crate) remark: String,
}

impl RunAs {
    /// A user that the stage itself has named before.
    pub(crate) fn returning(user: String) -> Self {
        let remark = format!("The stage ran as {user} before it became root.");
        let names = user.split(':').take(1).map(str::to_owned).collect();
        Self { shown: user.clone(), user, made_by: None, names, remark }
    }

    /// Whether an owner, as `chown` takes it, is this user: by name or number, with or without a group.
    pub(crate) fn is_called(&self, owner: &str) -> bool {
        let user = owner.split([':', '.']).next().unwrap_or_default();
        self.names.iter().any(|name| name == user)
    }

    /// The owner as `--chown` takes it. One number without a group stands for a group of the same number.
    pub(crate) fn owner(&self) -> &str {
        &self.user
    }
}

/// The user for an image: the one that it has ready (H029), or a new one made in the way of its distribution (H030).
///
/// Numbers are written where they are known: Kubernetes' `runAsNonRoot` cannot check a name (H031).
///
/// # Errors
/// A [`Refusal`] where the image has no user and it is not known how one is made.
pub(crate) fn user_of(facts: &ImageFacts) -> Result<RunAs, Refusal> {
    if let Some(user) = &facts.ready_user {
        return Ok(ready(user));
    }
    let command = match (facts.family, facts.user_tool) {
        // Nothing is looked up in an image without /etc/passwd, so that any number will do. This is distroless' own.
        (Some(Family::Scratch), _) => {
            return Ok(ready(&User { name: None, uid: Some(65532), gid: Some(65532), home: None }));
        }
        (Some(Family::Debian | Family::Ubuntu), Some(UserTool::Useradd)) => useradd("/usr/sbin/nologin"),
        (Some(Family::RedHat), Some(UserTool::Useradd)) => useradd("/sbin/nologin"),
        (Some(Family::Alpine), Some(UserTool::Adduser)) => format!(
            "addgroup -S -g {NUMBER} {NAME} && adduser -S -D -u {NUMBER} -G {NAME} -h /home/{NAME} -s /sbin/nologin {NAME}"
        ),
        // Without these tools, the lines that they would write do as well.
        _ if facts.shell != Some(Shell::Absent) && facts.family != Some(Family::Distroless) => format!(
            "echo '{NAME}:x:{NUMBER}:' >> /etc/group && echo '{NAME}:x:{NUMBER}:{NUMBER}::/home/{NAME}:/sbin/nologin' >> /etc/passwd && mkdir -p /home/{NAME} && chown {NUMBER}:{NUMBER} /home/{NAME}"
        ),
        _ => return Err(Refusal::hazard("H030", "it is not known how a user is made in this image")),
    };
    Ok(RunAs {
        user: format!("{NUMBER}:{NUMBER}"),
        made_by: Some(command),
        names: vec![NAME.to_owned(), NUMBER.to_string()],
        shown: format!("{NAME} (uid {NUMBER})"),
        remark: format!(
            "A user {NAME} with a home of its own is made; the number is what Kubernetes can check (H031)."
        ),
    })
}

/// Without `--no-log-init`, a large number makes a huge sparse file of the log of logins (H035).
fn useradd(no_login: &str) -> String {
    format!(
        "groupadd --gid {NUMBER} {NAME} && useradd --no-log-init --uid {NUMBER} --gid {NUMBER} --create-home --shell {no_login} {NAME}"
    )
}

/// A user that is there.
pub(crate) fn ready(user: &User) -> RunAs {
    let name = user.name.clone();
    let number = user.uid.map(|uid| match user.gid {
        Some(gid) => format!("{uid}:{gid}"),
        None => uid.to_string(),
    });
    let shown = match (&name, user.uid) {
        (Some(name), Some(uid)) => format!("{name} (uid {uid})"),
        (Some(name), None) => name.clone(),
        (None, uid) => format!("uid {}", uid.unwrap_or_default()),
    };
    let remark = match (&name, &number) {
        (Some(name), Some(number)) => {
            format!(
                "{number} is the base image's user {name}; the number is what Kubernetes can check (H031)."
            )
        }
        (Some(name), None) => format!("{name} is a user of the base image."),
        _ => "The number needs no entry in /etc/passwd.".to_owned(),
    };
    let names = name.iter().cloned().chain(user.uid.map(|uid| uid.to_string())).collect();
    let user = number.or(name).unwrap_or_default();
    RunAs { user, made_by: None, shown, names, remark }
}
