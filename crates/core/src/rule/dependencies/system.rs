//! Commands of the system that read none of the copied files: they make users and links, install the distribution's
//! packages, or fetch something from elsewhere.
//!
//! A path in one of them must lie outside of what was copied: `chown -R app /app` changes the source, and `chmod +x
//! run.sh` needs it.

use crate::context::split;

use super::Place;

/// Whether a command certainly reads none of the files that were copied, and changes none of them.
pub(super) fn reads_nothing(place: &Place<'_>, words: &[&str]) -> bool {
    let [program, args @ ..] = words else { return false };
    // A script that came with the source is no program of the system.
    if program.contains('/') && !is_outside(place, program) {
        return false;
    }
    let name = program.rsplit('/').next().unwrap_or(program);
    let plain: Vec<&str> = args.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let all_free = |paths: &[&str]| paths.iter().all(|path| is_free(place, path));
    let is_recursive = args.iter().any(|flag| {
        *flag == "--recursive"
            || !flag.starts_with("--") && flag.starts_with('-') && flag.contains(['R', 'r'])
    });
    match name {
        "sudo" => match args.iter().position(|word| !word.starts_with('-')) {
            // A flag with a value is not told from the program.
            Some(at) if args.iter().take(at).all(|flag| matches!(*flag, "-E" | "-H" | "-n")) => {
                args.get(at..).is_some_and(|words| installs_packages(words) || reads_nothing(place, words))
            }
            _ => false,
        },
        "useradd" | "adduser" => makes_user(place, args, &plain),
        "groupadd" | "addgroup" | "groupmod" | "delgroup" | "groupdel" => true,
        "ldconfig"
        | "locale-gen"
        | "update-locale"
        | "update-ca-certificates"
        | "dpkg-reconfigure"
        | "update-alternatives"
        | "add-apt-repository"
        | "apt-key"
        | "apt-add-repository" => {
            plain.iter().filter(|word| word.starts_with(['/', '.'])).all(|path| is_free(place, path))
        }
        "hash" | "sleep" | "sync" | "type" | "yes" | "printf" | "mkdir" | "echo" => true,
        "dpkg" => args.contains(&"--add-architecture"),
        "ln" | "touch" | "cat" | "ls" | "test" | "[" => all_free(&plain),
        // Whether a folder holds what was copied is certain for some places only.
        "rm" | "cp" | "chmod" | "chown" | "chgrp" | "mv" | "sed" => {
            // The mode, the owner or the script comes first, where no flag has brought another one.
            let has_script = matches!(name, "chmod" | "chown" | "chgrp" | "sed");
            let brings = |flag: &&str| {
                flag.starts_with("--ref")
                    || name == "sed" && ["-e", "-f", "--e", "--f"].iter().any(|known| flag.starts_with(known))
            };
            let paths = plain.get(usize::from(has_script)..).unwrap_or_default();
            let is_whole = name == "mv" || is_recursive && name != "sed";
            !paths.is_empty()
                && !args.iter().any(brings)
                && all_free(paths)
                && (!is_whole
                    || paths
                        .iter()
                        .all(|path| is_of_the_system(path) || name == "rm" && is_absent(place, path)))
        }
        "tar" => all_free(&plain) && is_outside(place, "."),
        "wget" | "curl" => fetches(place, args),
        "git" => clones(place, args),
        "easy_install" => plain.iter().all(|name| super::python::is_package_name(name)),
        "command" => matches!(args, ["-v", ..]),
        _ => false,
    }
}

/// A user whose home is not in what was copied.
fn makes_user(place: &Place<'_>, args: &[&str], plain: &[&str]) -> bool {
    let home = plain.last().map(|name| format!("/home/{name}"));
    args.iter().all(|word| !word.starts_with(['/', '.']) || is_outside(place, word))
        && home.is_none_or(|home| is_outside(place, &home))
}

/// `git clone https://git.example/a.git /opt/a`, and settings of the user.
fn clones(place: &Place<'_>, args: &[&str]) -> bool {
    let rest = match args {
        ["clone", rest @ ..] => rest,
        ["config", "--global" | "--system", ..] => return true,
        _ => return false,
    };
    let mut named =
        rest.iter().filter(|word| !word.starts_with('-') && !word.bytes().all(|byte| byte.is_ascii_digit()));
    // A flag with a value is not told from an address: its value is taken for one.
    let Some(url) = named.next().filter(|url| url.contains("://") || url.starts_with("git@")) else {
        return false;
    };
    let own = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let own = own.strip_suffix(".git").unwrap_or(own);
    match (named.next(), named.next()) {
        (target, None) => is_free(place, target.copied().unwrap_or(own)),
        _ => false,
    }
}

/// Folders in which nobody keeps the source of a program.
fn is_of_the_system(path: &str) -> bool {
    const FOLDERS: &[&str] = &[
        "/etc/",
        "/tmp/",
        "/run/",
        "/var/lib/",
        "/var/cache/",
        "/var/log/",
        "/usr/local/bin/",
        "/usr/bin/",
        "/usr/share/",
        "/root/.",
    ];
    FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.contains("..")
}

/// Whether a path lies in what was copied, and the context has nothing there: `rm -rf node_modules`.
fn is_absent(place: &Place<'_>, path: &str) -> bool {
    place.path(path).is_some_and(|copied| place.context.files().entry(&copied).is_absent())
}

/// Whether a path does not lie in what was copied.
fn is_outside(place: &Place<'_>, path: &str) -> bool {
    if path.contains("://") {
        return true;
    }
    let below = format!("{}/x", path.trim_end_matches('/'));
    place.path(path).is_none() && place.path(&below).is_none()
}

/// Whether the context has nothing at a place, so that what stands there was made in the image.
fn is_free(place: &Place<'_>, path: &str) -> bool {
    if path.contains("://") {
        return true;
    }
    let is_absent = |path: &str| place.context.files().entry(path).is_absent();
    match place.path(path) {
        Some(path) => is_absent(&path),
        // The folder that the source was copied into is none of its files.
        None => place
            .path(&format!("{}/x", path.trim_end_matches('/')))
            .is_none_or(|below| is_absent(split(&below).0)),
    }
}

/// A download of which nothing comes from a file.
fn fetches(place: &Place<'_>, args: &[&str]) -> bool {
    const FROM_FILES: &[&str] = &["-d", "-F", "-T", "-K", "-i", "-E", "-b", "-c"];
    const LONG: &[&str] =
        &["--data", "--form", "--upload", "--config", "--input", "--cert", "--key", "--post", "--body"];
    let sends = |word: &&str| FROM_FILES.contains(word) || LONG.iter().any(|flag| word.starts_with(flag));
    let is_safe = |word: &&str| word.starts_with('-') || is_free(place, word);
    // What is fetched by its own name lands where the command runs.
    let addresses = args.iter().filter(|word| word.contains("://"));
    let mut own_names = addresses.filter_map(|url| url.rsplit('/').next()).filter(|name| !name.is_empty());
    !args.iter().any(sends) && args.iter().all(is_safe) && own_names.all(|name| is_free(place, name))
}

/// Whether a command does the same whatever its words are: it prints them, or makes a group of that name. A word that is
/// up to the shell is left out of `words`.
pub(super) fn minds_no_words(words: &[&str]) -> bool {
    installs_packages(words) || matches!(words, ["echo" | "printf" | "groupadd" | "addgroup", ..])
}

/// Whether a command only installs packages of the distribution, by name. A word that is up to the shell is left out of
/// `words`: it is a name or a version, too.
fn installs_packages(words: &[&str]) -> bool {
    let [program, args @ ..] = words else { return false };
    let (verbs, values): (&[&str], &[&str]) = match program.rsplit('/').next().unwrap_or(program) {
        "apt-get" | "apt" | "aptitude" => (
            &[
                "update",
                "install",
                "upgrade",
                "dist-upgrade",
                "full-upgrade",
                "clean",
                "autoclean",
                "autoremove",
                "remove",
                "purge",
            ],
            &["-o", "--option", "-t", "--target-release"],
        ),
        "apk" => (
            &["add", "update", "upgrade", "del", "fix"],
            &["-t", "--virtual", "-X", "--repository", "-p", "--root"],
        ),
        "yum" | "dnf" | "microdnf" | "tdnf" => (
            &[
                "install",
                "update",
                "upgrade",
                "remove",
                "clean",
                "makecache",
                "groupinstall",
                "module",
                "reinstall",
                "erase",
            ],
            &["--enablerepo", "--disablerepo", "--setopt"],
        ),
        "zypper" => (&["install", "in", "refresh", "ref", "update", "up", "remove", "rm", "clean"], &[]),
        "pacman" => (&[], &[]),
        _ => return false,
    };
    let mut names = Vec::new();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        if values.contains(word) {
            rest.next();
        } else if !word.starts_with('-') {
            names.push(*word);
        }
    }
    let is_name = |name: &&str| {
        let is_file = [".deb", ".rpm", ".apk"].iter().any(|ending| name.ends_with(ending));
        // `.build-deps` is the name of a group of packages that `apk add --virtual` has made.
        let is_path = name.contains('/') && !name.ends_with(['-', '+']);
        name.contains("://") || !(is_path || is_file || name.starts_with('~'))
    };
    let verb = if verbs.is_empty() {
        args.first().filter(|flag| flag.starts_with("-S"))
    } else {
        names.first().filter(|verb| verbs.contains(verb))
    };
    verb.is_some() && names.iter().all(is_name) && !args.contains(&"-c")
}

/// Whether a command takes away what an earlier one of the same RUN has installed or fetched: packages that were only
/// needed to build, lists, caches. In a RUN behind, it would make no layer smaller (H092).
pub(super) fn cleans_up(words: &[&str]) -> bool {
    let [program, args @ ..] = words else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    let verbs = ["remove", "purge", "autoremove", "del", "clean", "autoclean", "erase"];
    let is_manager = matches!(
        name,
        "apt-get" | "apt" | "apk" | "yum" | "dnf" | "microdnf" | "conda" | "mamba" | "micromamba"
    );
    is_manager && args.iter().any(|word| verbs.contains(word))
}

/// Whether a program runs or unpacks what comes through a pipe, and reads nothing else: `| bash -`, `| python3`.
pub(super) fn reads_its_input(place: &Place<'_>, words: &[&str]) -> bool {
    let words = match words {
        ["sudo", "-E", rest @ ..] | ["sudo", rest @ ..] => rest,
        other => other,
    };
    let [program, args @ ..] = words else { return false };
    match program.rsplit('/').next().unwrap_or(program) {
        "sh" | "bash" | "python" | "python3" => {
            args.iter().all(|word| matches!(*word, "-" | "-s" | "-e" | "-x" | "-ex" | "-E" | "--" | "-y"))
        }
        "apt-key" | "gpg" | "tee" => args.iter().all(|word| is_free(place, word)),
        "tar" => {
            let target = args.iter().zip(args.iter().skip(1)).find(|(flag, _)| **flag == "-C");
            is_outside(place, target.map_or(".", |(_, target)| target))
        }
        _ => false,
    }
}
