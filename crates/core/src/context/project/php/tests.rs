//! What is read of PHP projects.

use super::super::{Stack, Tree, detect};
use super::*;
use crate::context::MemoryFiles;

fn project(files: &[(&str, &str)]) -> PhpProject {
    let files = MemoryFiles::new(files.iter().copied());
    PhpProject::read(Tree::new(&files, &|_| true), "").unwrap()
}

fn hazard(files: &[(&str, &str)]) -> &'static str {
    project(files).install_reads().unwrap_err().hazard
}

#[test]
fn manifests_are_told_by_their_names() {
    let files = MemoryFiles::new([("composer.json", "{}"), ("composer.lock", "{}")]);
    let found = detect(&files).present().unwrap();
    assert_eq!(found[0].stack, Stack::Php);
    assert_eq!(found[0].lockfiles, ["composer.lock"]);
}

#[test]
fn the_manifest_the_lockfile_and_packages_in_directories() {
    let manifest = r#"{"require": {"php": "^8.2", "ext-gd": "*", "laravel/framework": "^11"},
        "repositories": [{"type": "path", "url": "packages/*"}, {"type": "vcs", "url": "https://github.com/a/b"}],
        "config": {"vendor-dir": "lib/vendor"},
        "scripts": {"post-autoload-dump": ["@php artisan package:discover"]},
        "autoload": {"classmap": ["database"]}}"#;
    let lock = r#"{"packages": [{"name": "symfony/flex", "type": "composer-plugin"}, {"name": "a/b", "type": "library"}]}"#;
    let php = project(&[
        ("composer.json", manifest),
        ("composer.lock", lock),
        ("symfony.lock", "{}"),
        ("packages/one/composer.json", "{}"),
        ("packages/docs/a.md", ""),
    ]);
    assert_eq!(
        php.install_reads().unwrap(),
        ["composer.json", "composer.lock", "packages/one", "symfony.lock"]
    );
    assert_eq!(php.vendor, "lib/vendor");
    assert_eq!(php.extensions, ["gd"]);
    assert_eq!(php.packages, ["laravel/framework"]);
    assert!(php.locked);
}

#[test]
fn patches_are_read_with_the_plugin_that_applies_them() {
    let lock = r#"{"packages": [{"name": "cweagans/composer-patches", "type": "composer-plugin"}]}"#;
    let manifest = r#"{"extra": {"patches": {"a/b": {"x": "patches/x.patch", "y": "https://a.b/c.patch"}}}}"#;
    let php = project(&[("composer.json", manifest), ("composer.lock", lock), ("patches/x.patch", "")]);
    assert_eq!(php.install_reads().unwrap(), ["composer.json", "composer.lock", "patches/x.patch"]);
    assert_eq!(hazard(&[("composer.json", manifest), ("composer.lock", lock)]), "H053");
}

#[test]
fn what_runs_between_packages_is_an_obstacle() {
    let lock =
        |name: &str| format!(r#"{{"packages-dev": [{{"name": "{name}", "type": "composer-plugin"}}]}}"#);
    assert_eq!(hazard(&[("composer.json", r#"{"scripts": {"post-package-install": "x"}}"#)]), "H053");
    assert_eq!(
        hazard(&[("composer.json", "{}"), ("composer.lock", &lock("wikimedia/composer-merge-plugin"))]),
        "H053"
    );
    assert!(
        project(&[("composer.json", "{}"), ("composer.lock", &lock("composer/installers"))])
            .install_reads()
            .is_ok()
    );
    assert_eq!(hazard(&[("composer.json", r#"{"config": {"allow-plugins": true}}"#)]), "H053");
    assert_eq!(hazard(&[("composer.json", r#"{"config": {"allow-plugins": {"a/b": true}}}"#)]), "H053");
    assert_eq!(hazard(&[("composer.json", "{")]), "H053");
    assert_eq!(hazard(&[("composer.json", "{}"), ("composer.lock", "x")]), "H053");
    assert_eq!(
        hazard(&[("composer.json", r#"{"repositories": [{"type": "path", "url": "../a"}]}"#)]),
        "H047"
    );
    assert_eq!(
        hazard(&[("composer.json", r#"{"repositories": {"a": {"type": "vcs", "url": "lib/a"}}}"#)]),
        "H047"
    );
}
