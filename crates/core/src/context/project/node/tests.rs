//! Node projects as tables.

use super::super::{Obstacle, Project, Stack, detect};
use super::*;
use crate::context::MemoryFiles;

/// Paths and texts.
type Files = &'static [(&'static str, &'static str)];

fn projects(files: &[(&str, &str)]) -> Vec<Project> {
    detect(&MemoryFiles::new(files.iter().copied())).present().unwrap()
}

fn nodes(files: &[(&str, &str)]) -> Vec<NodeProject> {
    let found = projects(files).into_iter();
    found
        .filter_map(|project| match project.stack {
            Stack::Node(node) => Some(*node),
            _ => None,
        })
        .collect()
}

fn node(files: &[(&str, &str)]) -> NodeProject {
    nodes(files).remove(0)
}

#[test]
fn lockfiles_tell_their_format() {
    use NodeLockKind as Kind;
    for (name, text, kind, version, broken) in [
        (
            "package-lock.json",
            r#"{"packages": {"": {}}, "lockfileVersion": 3}"#,
            Kind::PackageLock,
            Some("3"),
            false,
        ),
        ("package-lock.json", "{}", Kind::PackageLock, None, false),
        ("package-lock.json", "<<<<<<< HEAD\n{}", Kind::PackageLock, None, true),
        ("npm-shrinkwrap.json", r#"{"lockfileVersion": 1}"#, Kind::Shrinkwrap, Some("1"), false),
        ("yarn.lock", "# THIS IS\n# yarn lockfile v1\n\n", Kind::YarnClassic, Some("1"), false),
        (
            "yarn.lock",
            "# THIS\n\n__metadata:\n  version: 8\n  cacheKey: 10\n",
            Kind::YarnBerry,
            Some("8"),
            false,
        ),
        ("yarn.lock", "\na@1:\n<<<<<<< HEAD\n", Kind::YarnClassic, None, true),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n\nsettings:\n", Kind::Pnpm, Some("9.0"), false),
        ("pnpm-lock.yaml", "lockfileVersion: 5.4\r\n", Kind::Pnpm, Some("5.4"), false),
        ("bun.lock", "{\n  \"lockfileVersion\": 1,\n", Kind::Bun, Some("1"), false),
        ("bun.lockb", "#!/usr", Kind::BunBinary, None, false),
    ] {
        let node = node(&[("package.json", "{}"), (name, text)]);
        let lock = &node.locks[0];
        let got = (lock.path.as_str(), lock.kind, lock.version.as_deref(), lock.broken);
        assert_eq!(got, (name, kind, version, broken), "{text:?}");
        assert_eq!(node.manager, Some(kind.manager()));
        assert_eq!(node.install_reads().is_err(), broken, "{text:?}");
    }
}

#[test]
fn the_manager_is_what_the_manifest_says_or_the_lockfile_shows() {
    let lock = ("yarn.lock", "# yarn lockfile v1");
    assert_eq!(node(&[("package.json", "{}")]).manager, None);
    assert_eq!(node(&[("package.json", "{}"), lock, ("package-lock.json", "{}")]).manager, None);
    let written = ("package.json", r#"{"packageManager": "pnpm@9.1.0+sha512.abc"}"#);
    assert_eq!(node(&[written]).manager, Some(NodeManager::Pnpm));
    // What is read does not depend on it.
    assert!(node(&[written, lock]).install_reads().is_ok());
}

#[test]
fn what_an_install_reads() {
    let cases: &[(Files, &[&str])] = &[
        (&[("package.json", "{}"), ("index.js", "")], &["package.json"]),
        (
            &[
                ("package.json", "\u{feff}{}"),
                ("package-lock.json", "{}"),
                (".npmrc", "registry=https://r.example/\n"),
            ],
            &["package.json", "package-lock.json", ".npmrc"],
        ),
        (
            &[
                ("package.json", "{}"),
                ("yarn.lock", "__metadata:\n  version: 8\n"),
                (".yarnrc.yml", "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-4.cjs\n"),
                (".yarn/releases/yarn-4.cjs", ""),
                (".yarn/install-state.gz", ""),
                (".yarn/plugins/x.cjs", ""),
            ],
            &["package.json", "yarn.lock", ".yarnrc.yml", ".yarn/plugins", ".yarn/releases"],
        ),
        (
            &[
                ("package.json", "{}"),
                ("yarn.lock", "# yarn lockfile v1"),
                (".yarnrc", "yarn-path \"./tools/yarn.js\"\n"),
                ("tools/yarn.js", ""),
            ],
            &["package.json", "yarn.lock", ".yarnrc", "tools/yarn.js"],
        ),
        (
            &[
                ("package.json", r#"{"scripts": {"postinstall": "patch-package"}}"#),
                ("patches/a+1.patch", ""),
            ],
            &["package.json", "patches"],
        ),
        (
            &[
                ("package.json", r#"{"pnpm": {"patchedDependencies": {"a@1": "fixes/a.patch"}}}"#),
                ("fixes/a.patch", ""),
                ("pnpm-workspace.yaml", "onlyBuiltDependencies:\n  - esbuild\n"),
            ],
            &["package.json", "pnpm-workspace.yaml", "fixes/a.patch"],
        ),
        (
            &[
                ("package.json", r#"{"dependencies": {"a": "patch:a@npm%3A1#~/.yarn/patches/a.patch"}}"#),
                (".yarn/patches/a.patch", ""),
            ],
            &["package.json", ".yarn/patches"],
        ),
        (
            &[("package.json", r#"{"dependencies": {"@prisma/client": "5"}}"#), ("prisma/schema.prisma", "")],
            &["package.json", "prisma/schema.prisma"],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"scripts": {"postinstall": "npx prisma generate"}, "prisma": {"schema": "db/s.prisma"}}"#,
                ),
                ("db/s.prisma", ""),
            ],
            &["package.json", "db/s.prisma"],
        ),
        (
            &[
                ("package.json", r#"{"dependencies": {"a": "file:vendor-tgz/a-1.tgz"}}"#),
                ("vendor-tgz/a-1.tgz", ""),
            ],
            &["package.json", "vendor-tgz/a-1.tgz"],
        ),
        (
            &[("package.json", r#"{"scripts": {"preinstall": "npx only-allow pnpm", "start": "node ."}}"#)],
            &["package.json"],
        ),
        (
            &[
                ("package.json", r#"{"scripts": {"postinstall": "node build.js"}}"#),
                (".npmrc", "ignore-scripts=true"),
            ],
            &["package.json", ".npmrc"],
        ),
        (&[("package.json", "{}"), (".npmrc", "cafile=/etc/ssl/ca.pem\n")], &["package.json", ".npmrc"]),
        (
            &[
                (
                    "package.json",
                    r#"{"workspaces": {"packages": ["packages/*", "./tools/**", "!packages/old"], "nohoist": []}}"#,
                ),
                ("yarn.lock", "# yarn lockfile v1"),
                (
                    "packages/a/package.json",
                    r#"{"dependencies": {"b": "workspace:*", "c": "file:../../tools/x/c"}}"#,
                ),
                (
                    "packages/b/package.json",
                    r#"{"bin": {"b": "./cli.js", "gone": "dist/x.js"}, "scripts": {"postinstall": "patch-package"}}"#,
                ),
                ("packages/b/cli.js", ""),
                ("packages/b/patches/p.patch", ""),
                ("packages/old/package.json", "{"),
                ("packages/none/readme", ""),
                ("tools/x/c/package.json", r#"{"scripts": {"prepare": "husky"}}"#),
                ("tools/node_modules/z/package.json", "{"),
            ],
            &[
                "package.json",
                "yarn.lock",
                "packages/a/package.json",
                "packages/b/package.json",
                "packages/b/patches",
                "packages/b/cli.js",
                "tools/x/c/package.json",
            ],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"scripts": {"prepare": "npm run hooks", "hooks": "is-ci || husky install 2>/dev/null"}}"#,
                ),
                (".pnpmfile.cjs", "module.exports = { hooks: {} }"),
                ("pnpm-workspace.yaml", "packages:\n  - .\npatchedDependencies:\n  a@1: fix/a.patch\n"),
                ("fix/a.patch", ""),
            ],
            &["package.json", "pnpm-workspace.yaml", ".pnpmfile.cjs", "fix/a.patch"],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"scripts": {"prepare": "node .husky/install.mjs && svelte-kit sync || echo ''", "build": "vite build"}}"#,
                ),
                (".husky/install.mjs", "const husky = (await import('husky')).default\nconsole.log(husky())"),
            ],
            &["package.json", ".husky/install.mjs"],
        ),
        (
            &[
                (
                    "package.json",
                    r#"{"dependencies": {"lib": "file:./lib"}, "devDependencies": {"@prisma/client": "7"}}"#,
                ),
                ("lib/package.json", "{}"),
                ("lib/index.js", ""),
                (
                    "prisma.config.ts",
                    "import 'dotenv/config'\nimport { defineConfig } from 'prisma/config'\nexport default defineConfig({ schema: \"db/s.prisma\" })",
                ),
                ("db/s.prisma", ""),
                (".env", ""),
            ],
            &["package.json", "lib", "prisma.config.ts", ".env", "db/s.prisma"],
        ),
        (
            &[("web/package.json", "{}"), ("web/package-lock.json", "{}")],
            &["web/package.json", "web/package-lock.json"],
        ),
    ];
    for (files, reads) in cases {
        let wanted = reads.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(node(files).install_reads(), Ok(wanted), "{files:?}");
    }
}

#[test]
fn what_stands_in_the_way() {
    let manifest = |text: &'static str| [("package.json", text)];
    for (text, hazard) in [
        ("", "H042"),
        ("[]", "H042"),
        (r#"{"scripts": {"postinstall": "node scripts/build.js"}}"#, "H042"),
        (r#"{"scripts": {"preinstall": "echo $HOME"}}"#, "H042"),
        (r#"{"scripts": {"prepare": "npm run build"}}"#, "H042"),
        (r#"{"scripts": {"prepare": "npm run x", "x": "tsc"}}"#, "H042"),
        (r#"{"scripts": {"prepare": "npm run x", "x": "npm run x"}}"#, "H042"),
        (r#"{"scripts": {"prepare": "echo a > b"}}"#, "H042"),
        (r#"{"scripts": {"postinstall": "nuxt prepare"}}"#, "H042"),
        (r#"{"scripts": {"postinstall": "ngcc"}}"#, "H042"),
        (r#"{"scripts": {"postinstall": "electron-builder install-app-deps"}}"#, "H042"),
        (r#"{"scripts": {"postinstall": "prisma generate"}}"#, "H042"),
        (r#"{"scripts": {"postinstall": "turbo run codegen"}}"#, "H061"),
        (r#"{"scripts": {"postinstall": "patch-package && node x"}}"#, "H042"),
        (r#"{"workspaces": ["packages/{a,b}"]}"#, "H044"),
        (r#"{"publishConfig": {"directory": "dist"}}"#, "H044"),
        (r#"{"dependenciesMeta": {"a": {"injected": true}}}"#, "H044"),
        (r#"{"dependencies": {"a": "file:."}}"#, "H047"),
        (r#"{"dependencies": {"a": "file:/opt/a"}}"#, "H047"),
        (r#"{"dependencies": {"a": "file:../a"}}"#, "H047"),
        (r#"{"devDependencies": {"a": "link:./a"}}"#, "H047"),
        (r#"{"resolutions": {"a": "portal:../a"}}"#, "H047"),
        (r#"{"overrides": {"a": {"b": "./b"}}}"#, "H047"),
        (r#"{"dependencies": {"a": "file:gone.tgz"}}"#, "H047"),
        (r#"{"patchedDependencies": {"a@1": "gone.patch"}}"#, "H045"),
        (r#"{"prisma": {"schema": "gone"}, "dependencies": {"@prisma/client": "5"}}"#, "H061"),
    ] {
        assert_eq!(node(&manifest(text)).install_reads().unwrap_err().hazard, hazard, "{text}");
    }
    for (name, text, hazard) in [
        ("pnpm-workspace.yaml", "packages: *all\n", "H044"),
        ("pnpm-workspace.yaml", "overrides:\n  a: link:../a\n", "H047"),
        (".pnpmfile.cjs", "require('./hooks')", "H045"),
        (".yarnrc.yml", "enableConstraintsChecks: true", "H045"),
        (".npmrc", "cafile=certs/gone.pem\n", "H045"),
        ("binding.gyp", "", "H042"),
    ] {
        let found = node(&[("package.json", "{}"), (name, text)]);
        assert_eq!(found.install_reads().unwrap_err().hazard, hazard, "{name} {text}");
    }
    let hidden = MemoryFiles::default().with_unreadable("package.json", 9);
    let Stack::Node(found) = &detect(&hidden).present().unwrap()[0].stack.clone() else { panic!() };
    let obstacle = Obstacle::new("H042", "`package.json` could not be read");
    assert_eq!(found.install_reads(), Err(obstacle));
}

#[test]
fn the_manifest_is_shown_even_where_the_reads_are_not_certain() {
    let found = node(&[(
        "package.json",
        r#"{"name": "shop", "scripts": {"build": "tsc", "prepare": "husky", "preinstall": "x"},
            "dependencies": {"b": "../b", "a": "^1"}, "workspaces": ["p/*"]}"#,
    )]);
    assert_eq!(found.name.as_deref(), Some("shop"));
    assert_eq!(found.lifecycle_scripts().collect::<Vec<_>>(), [("preinstall", "x"), ("prepare", "husky")]);
    assert_eq!(found.scripts["build"], "tsc");
    assert_eq!(found.workspaces, ["p/*"]);
    assert_eq!(found.local_dependencies, [LocalDependency { name: "b".into(), specifier: "../b".into() }]);
    let found = node(&[
        ("package.json", "{}"),
        ("pnpm-workspace.yaml", "packages:\n- 'a/*' # x\n\n- b\nx: 1\n- c\n"),
    ]);
    assert_eq!(found.workspaces, ["a/*", "b"]);
}

#[test]
fn members_of_a_workspace_know_their_root() {
    let found = nodes(&[
        ("package.json", r#"{"workspaces": ["packages/*", "!packages/out"]}"#),
        ("package-lock.json", "{}"),
        ("packages/a/package.json", "{}"),
        ("packages/out/package.json", "{}"),
        ("packages/out/package-lock.json", "{}"),
        ("tools/package.json", "{}"),
        ("alone/package.json", "{}"),
        ("alone/yarn.lock", ""),
    ]);
    let roots: Vec<_> = found.iter().map(|node| node.workspace_root.as_deref()).collect();
    // the root, alone, tools, packages/a, packages/out
    assert_eq!(roots, [None, None, Some(""), Some(""), None]);
    assert_eq!(found[0].members, ["packages/a"]);
    let reads = ["package.json", "package-lock.json", "packages/a/package.json"].map(str::to_owned);
    assert_eq!(found[0].install_reads(), Ok(reads.to_vec()));
}

#[test]
fn what_the_install_writes_and_whether_it_asks_for_the_repository() {
    let found = node(&[
        ("package.json", r#"{"scripts": {"postinstall": "prisma generate", "prepare": "lefthook install"}}"#),
        ("lefthook.yml", ""),
        ("prisma/schema.prisma", "generator client {\n  output = \"../src/generated\"\n}\n"),
    ]);
    assert_eq!(found.generated, ["src/generated"]);
    assert_eq!(found.needs_git, Some(("prepare".to_owned(), "lefthook install".to_owned())));
    let reads = ["package.json", "prisma/schema.prisma", "lefthook.yml"].map(str::to_owned);
    assert_eq!(found.install_reads(), Ok(reads.to_vec()));
    assert_eq!(found.install_reads_without_scripts(), Ok(vec!["package.json".to_owned()]));
    let found = node(&[("package.json", r#"{"scripts": {"prepare": "simple-git-hooks || true"}}"#)]);
    assert_eq!(found.needs_git, None);
}
