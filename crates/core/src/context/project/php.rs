//! PHP projects: what `composer install` reads when it neither runs scripts nor writes the autoloader.
//!
//! Sources: Composer's documentation ("The composer.json schema", "Command-line interface", "Scripts", "Repositories",
//! "Setting up and using plugins"); H053.

use serde_json::Value;

use super::tree::Tree;
use super::{Folder, Obstacle, Project, Stack, add_new};
use crate::context::{EntryKind, join, normalise};

#[cfg(test)]
mod tests;

/// Plugins of Composer that read nothing of the source while packages are installed, or that do their work each time.
/// As their documentation describes them (2026-11).
const HARMLESS_PLUGINS: &[&str] = &[
    "composer/installers",
    "composer/package-versions-deprecated",
    "cyclonedx/cyclonedx-php-composer",
    "dealerdirect/phpcodesniffer-composer-installer",
    "drupal/core-composer-scaffold",
    "drupal/core-project-message",
    "drupal/core-vendor-hardening",
    "ergebnis/composer-normalize",
    "hirak/prestissimo",
    "infection/extension-installer",
    "johnpbloch/wordpress-core-installer",
    "kylekatarnls/update-helper",
    "magento/composer-root-update-plugin",
    "neronmoon/scriptsdev",
    "ocramius/package-versions",
    "oomphinc/composer-installers-extender",
    "pestphp/pest-plugin",
    "php-http/discovery",
    "phpro/grumphp",
    "phpro/grumphp-shim",
    "phpstan/extension-installer",
    "rector/extension-installer",
    "roave/security-advisories",
    "roots/wordpress-core-installer",
    "symfony/flex",
    "symfony/runtime",
    "symfony/thanks",
    "tbachert/spi",
    "thecodingmachine/safe-composer",
    "yiisoft/yii2-composer",
];

/// Events of scripts that happen once for each package, and so only in the first of two installations.
const PACKAGE_EVENTS: &[&str] = &[
    "pre-package-install",
    "post-package-install",
    "pre-package-update",
    "post-package-update",
    "pre-package-uninstall",
    "post-package-uninstall",
    "pre-operations-exec",
    "pre-file-download",
    "post-file-download",
];

/// What is known about a PHP project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhpProject {
    /// The directory of its `composer.json`.
    pub root: String,
    /// Whether there is a `composer.lock`.
    pub locked: bool,
    /// Where packages are installed, as a path of the context.
    pub vendor: String,
    /// The names of the packages that it asks for itself.
    pub packages: Vec<String>,
    /// The extensions of PHP that it asks for, without `ext-`.
    pub extensions: Vec<String>,
    reads: Result<Vec<String>, Obstacle>,
}

/// The PHP project in one folder.
pub(super) fn detect(folder: Folder<'_>) -> Option<Project> {
    let manifests = folder.those_of(&["composer.json"]);
    (!manifests.is_empty()).then(|| Project {
        root: folder.root.to_owned(),
        stack: Stack::Php,
        manifests,
        lockfiles: folder.those_of(&["composer.lock"]),
    })
}

impl PhpProject {
    /// Reads the `composer.json` of a directory; `None` when there is none.
    pub fn read(tree: Tree<'_>, root: &str) -> Option<Self> {
        let manifest = join(root, "composer.json");
        if !tree.has_file(&manifest) {
            return None;
        }
        let lock = join(root, "composer.lock");
        let locked = tree.has_file(&lock);
        let json: Option<Value> =
            tree.known_text(&manifest).and_then(|text| serde_json::from_str(&text).ok());
        let json = json.filter(Value::is_object);
        let vendor = json.as_ref().and_then(|json| json.pointer("/config/vendor-dir")?.as_str());
        let required = json.as_ref().and_then(|json| json.get("require")?.as_object());
        let required = || required.into_iter().flatten().map(|(name, _)| name.as_str());
        let mut reading = Reading { tree, root, reads: vec![manifest.clone()] };
        add_new(&mut reading.reads, Some(lock.clone()).filter(|_| locked));
        let closure = match &json {
            Some(json) => reading.manifest(json).and_then(|()| reading.plugins(json, &lock, locked)),
            None => Err(Obstacle::new("H053", format!("`{manifest}` is not valid JSON"))),
        };
        Some(Self {
            root: root.to_owned(),
            locked,
            vendor: normalise(&format!("{root}/{}", vendor.unwrap_or("vendor"))).unwrap_or_default(),
            packages: required().filter(|name| name.contains('/')).map(str::to_owned).collect(),
            extensions: required().filter_map(|name| name.strip_prefix("ext-")).map(str::to_owned).collect(),
            reads: closure.map(|()| reading.reads),
        })
    }

    /// What `composer install --no-scripts --no-autoloader` reads, the manifest first, when that is certain and an
    /// installation behind it does the rest; otherwise what stands in the way.
    pub fn install_reads(&self) -> Result<Vec<String>, Obstacle> {
        self.reads.clone()
    }
}

struct Reading<'a> {
    tree: Tree<'a>,
    root: &'a str,
    reads: Vec<String>,
}

impl Reading<'_> {
    fn manifest(&mut self, json: &Value) -> Result<(), Obstacle> {
        let scripts = json.get("scripts").and_then(Value::as_object);
        let event = scripts
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .find(|name| PACKAGE_EVENTS.contains(name));
        if let Some(event) = event {
            return Err(Obstacle::new(
                "H053",
                format!("the script `{event}` runs for each package that is installed"),
            ));
        }
        let repositories = json.get("repositories");
        let list: Vec<&Value> = match repositories {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(Value::Object(object)) => object.values().collect(),
            _ => Vec::new(),
        };
        for repository in list {
            self.repository(repository)?;
        }
        for name in ["auth.json", "symfony.lock"] {
            let path = join(self.root, name);
            add_new(&mut self.reads, Some(path).filter(|path| self.tree.has_file(path)));
        }
        Ok(())
    }

    /// A repository that lies in the project.
    fn repository(&mut self, repository: &Value) -> Result<(), Obstacle> {
        let text = |key: &str| repository.get(key).and_then(Value::as_str).unwrap_or_default();
        let (kind, url) = (text("type"), text("url"));
        let is_local = matches!(kind, "path" | "artifact")
            || (!url.is_empty() && !url.contains("://") && !url.contains('@') && kind != "package");
        if !is_local && !url.starts_with("file:") {
            return Ok(());
        }
        let unclear = || Obstacle::new("H047", format!("packages come from `{url}`"));
        if !matches!(kind, "path" | "artifact")
            || url.starts_with(['/', '~'])
            || url.contains(['$', '{', '['])
        {
            return Err(unclear());
        }
        let written = url.trim_end_matches('/');
        let places = match written.split_once('*') {
            None => vec![normalise(&format!("{}/{written}", self.root)).ok_or_else(unclear)?],
            // `packages/*`: each directory is a package.
            Some((start, "")) if start.ends_with('/') => {
                let above = normalise(&format!("{}/{start}", self.root)).ok_or_else(unclear)?;
                let entries = self.tree.list(&above).into_iter();
                let directories = entries.filter(|entry| entry.kind == EntryKind::Directory);
                let with_manifest = directories.map(|entry| join(&above, &entry.name));
                with_manifest.filter(|place| self.tree.has_file(&join(place, "composer.json"))).collect()
            }
            Some(_) => return Err(unclear()),
        };
        for place in places {
            if place.is_empty() || place == self.root || !self.tree.has_directory(&place) {
                return Err(unclear());
            }
            add_new(&mut self.reads, [place]);
        }
        Ok(())
    }

    /// Plugins run while packages are installed, whatever is said about scripts.
    fn plugins(&mut self, json: &Value, lock: &str, locked: bool) -> Result<(), Obstacle> {
        let names: Vec<String> = if locked {
            let text = self.tree.known_text(lock);
            let lock: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
            let lock = lock.ok_or_else(|| Obstacle::new("H053", "`composer.lock` could not be read"))?;
            let lists =
                ["packages", "packages-dev"].map(|list| lock.get(list).and_then(Value::as_array).cloned());
            let packages = lists.into_iter().flatten().flatten();
            let plugins = packages.filter(|package| {
                let kind = package.get("type").and_then(Value::as_str).unwrap_or_default();
                matches!(kind, "composer-plugin" | "composer-installer")
            });
            plugins.filter_map(|package| Some(package.get("name")?.as_str()?.to_owned())).collect()
        } else {
            // Composer 2.2 and later run none that is not allowed here.
            let allowed = json.pointer("/config/allow-plugins");
            match allowed {
                Some(Value::Object(list)) => list
                    .iter()
                    .filter(|(_, on)| **on == Value::Bool(true))
                    .map(|(name, _)| name.clone())
                    .collect(),
                Some(Value::Bool(true)) => vec!["*".to_owned()],
                _ => Vec::new(),
            }
        };
        for name in names {
            match name.as_str() {
                "cweagans/composer-patches" => self.patches(json)?,
                "drupal/core-composer-scaffold"
                    if json.pointer("/extra/drupal-scaffold/file-mapping").is_some() =>
                {
                    return Err(Obstacle::new(
                        "H053",
                        "the scaffold of Drupal is made from files of the source",
                    ));
                }
                "bamarni/composer-bin-plugin"
                    if json.pointer("/extra/bamarni-bin/forward-command") != Some(&Value::Bool(true)) => {}
                known if HARMLESS_PLUGINS.contains(&known) => {}
                other => {
                    return Err(Obstacle::new("H053", format!("the plugin `{other}` may read the source")));
                }
            }
        }
        Ok(())
    }

    /// The patch files that are applied to packages.
    fn patches(&mut self, json: &Value) -> Result<(), Obstacle> {
        let unclear = |what: &str| Obstacle::new("H053", format!("patches come from `{what}`"));
        if let Some(file) = json.pointer("/extra/patches-file") {
            return Err(unclear(file.as_str().unwrap_or_default()));
        }
        if self.tree.has_file(&join(self.root, "patches.json")) {
            return Err(unclear("patches.json"));
        }
        let lock = join(self.root, "patches.lock.json");
        add_new(&mut self.reads, Some(lock).filter(|lock| self.tree.has_file(lock)));
        let packages = json.pointer("/extra/patches").and_then(Value::as_object).into_iter().flatten();
        for (_, patches) in packages {
            let written: Vec<&str> = match patches {
                Value::Object(list) => list.values().filter_map(Value::as_str).collect(),
                Value::Array(list) => list.iter().filter_map(|patch| patch.get("url")?.as_str()).collect(),
                _ => return Err(unclear("composer.json")),
            };
            for patch in written.into_iter().filter(|patch| !patch.contains("://")) {
                let path = normalise(&format!("{}/{patch}", self.root));
                let path = path.filter(|path| self.tree.has_file(path)).ok_or_else(|| unclear(patch))?;
                add_new(&mut self.reads, [path]);
            }
        }
        Ok(())
    }
}
