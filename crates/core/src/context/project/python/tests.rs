//! Python projects as tables.

use super::super::detect;
use super::*;
use crate::context::MemoryFiles;

/// Paths and texts.
type Files = &'static [(&'static str, &'static str)];

fn python(files: &[(&str, &str)]) -> PythonProject {
    let found = detect(&MemoryFiles::new(files.iter().copied())).present().unwrap();
    match found.into_iter().next().map(|project| project.stack) {
        Some(Stack::Python(python)) => *python,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_requirements_file_is_taken_apart() {
    let text = "\
# comment
--index-url https://pypi.example/simple # ours
--extra-index-url=https://u:${TOKEN}@x.example/
-r base.txt
-cconstraints.txt
--requirement=more.txt
-f ./wheels
--no-binary :all:
flask==3.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
requests[socks]>=2 ; python_version > '3.8'  # why
git+https://x.example/a.git#egg=a
-e git+https://x.example/b.git#egg=b
pkg @ https://x.example/pkg.whl
-e .
./libs/own[extra]
vendor/a-1.whl ; sys_platform == 'linux'
own @ file:///src/own
--mystery 3
";
    let file = Requirements::parse("requirements.txt", text);
    assert_eq!(file.includes, ["base.txt", "more.txt"]);
    assert_eq!(file.constraints, ["constraints.txt"]);
    assert_eq!(file.find_links, ["./wheels"]);
    assert_eq!(file.indexes, ["https://pypi.example/simple", "https://u:${TOKEN}@x.example/"]);
    assert_eq!(
        file.packages,
        [
            "flask==3.0",
            "requests[socks]>=2 ; python_version > '3.8'",
            "git+https://x.example/a.git#egg=a",
            "git+https://x.example/b.git#egg=b",
            "pkg @ https://x.example/pkg.whl",
        ]
    );
    assert_eq!(file.local, [".", "./libs/own[extra]", "vendor/a-1.whl", "file:///src/own"]);
    assert_eq!(file.editable, ["."]);
    assert_eq!(file.unknown_options, ["--mystery"]);
    assert!(file.hashes);
}

#[test]
fn what_pip_reads() {
    let cases: &[(Files, &[&str])] = &[
        (&[("requirements.txt", "flask\n")], &["requirements.txt"]),
        (&[("requirements.txt", "\u{feff}flask\n")], &["requirements.txt"]),
        (
            &[
                ("requirements.txt", "-r sub/a.txt\n-c c.txt"),
                ("sub/a.txt", "-r ../b.txt"),
                ("b.txt", ""),
                ("c.txt", ""),
            ],
            &["requirements.txt", "sub/a.txt", "b.txt", "c.txt"],
        ),
        // Files that include each other end.
        (
            &[("requirements.txt", "-r o.txt"), ("o.txt", "-r requirements.txt")],
            &["requirements.txt", "o.txt"],
        ),
        (&[("requirements.txt", "-r https://x.example/r.txt")], &["requirements.txt"]),
        (&[("requirements.txt", "./w/a.whl"), ("w/a.whl", "")], &["requirements.txt", "w/a.whl"]),
        (&[("requirements.txt", "--find-links w\nx"), ("w/a.whl", "")], &["requirements.txt", "w"]),
        (&[("requirements.txt", "-i ${INDEX}\nx")], &["requirements.txt"]),
        // A directory of the context is read whole, with the directories that it depends on.
        (
            &[("requirements.txt", "./libs/a[x]"), ("libs/a/setup.py", "setup()")],
            &["requirements.txt", "libs/a"],
        ),
        (
            &[
                ("requirements.txt", "-e libs/a"),
                ("libs/a/pyproject.toml", "[tool.poetry.dependencies]\nb = {path = '../b'}"),
                ("libs/b/pyproject.toml", ""),
            ],
            &["requirements.txt", "libs/a", "libs/b"],
        ),
    ];
    for (files, reads) in cases {
        let wanted = Ok(reads.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(python(files).install_reads("requirements.txt"), wanted, "{files:?}");
    }
    for (text, hazard) in [
        ("-r gone.txt", "H050"),
        ("-r ../../out.txt", "H050"),
        ("-r /etc/r.txt", "H050"),
        ("-r ${X}.txt", "H050"),
        ("-e .", "H047"),
        ("-e ./pkg", "H047"),
        ("./pkg", "H047"),
        (".", "H047"),
        ("a @ file:///x", "H047"),
        ("./gone.whl", "H047"),
        ("-f gone", "H050"),
        ("--index-url file:///srv", "H050"),
        ("--mystery", "H050"),
        ("./git", "H052"),
        ("./up", "H047"),
        ("-e ./old", "H060"),
        ("./bare", "H047"),
    ] {
        let found = python(&[
            ("requirements.txt", text),
            ("git/pyproject.toml", "[tool.setuptools_scm]"),
            ("up/setup.py", "open('../VERSION')"),
            ("old/setup.py", ""),
            ("old/src/old.egg-info/PKG-INFO", ""),
            ("bare/a.py", ""),
        ]);
        assert_eq!(found.install_reads("requirements.txt").unwrap_err().hazard, hazard, "{text}");
        assert_eq!(found.dependency_reads("requirements.txt"), found.install_reads("requirements.txt"));
    }
}

#[test]
fn requirements_files_go_by_many_names() {
    let found = detect(&MemoryFiles::new([
        ("requirements.txt", ""),
        ("requirements-dev.txt", ""),
        ("test_requirements.txt", ""),
        ("requirements/base.txt", "-r extra.txt"),
        ("requirements/extra.txt", ""),
        ("notes.txt", ""),
    ]));
    let project = found.present().unwrap().remove(0);
    assert_eq!(
        project.manifests,
        [
            "requirements-dev.txt",
            "requirements.txt",
            "test_requirements.txt",
            "requirements/base.txt",
            "requirements/extra.txt"
        ]
    );
    let Stack::Python(python) = &project.stack else { panic!() };
    let wanted = vec!["requirements/base.txt".to_owned(), "requirements/extra.txt".to_owned()];
    assert_eq!(python.install_reads("requirements/base.txt"), Ok(wanted));
    assert_eq!(python.install_reads("gone.txt").unwrap_err().hazard, "H050");
}

#[test]
fn the_tool_is_told_by_lockfile_table_and_backend() {
    let backend = |name: &str| format!("[build-system]\nrequires = []\nbuild-backend = \"{name}\"\n");
    for (text, lock, tool) in [
        (backend("hatchling.build"), "uv.lock", PythonTool::Uv),
        (backend("hatchling.build"), "x", PythonTool::Hatch),
        (backend("setuptools.build_meta:__legacy__"), "x", PythonTool::Setuptools),
        (backend("flit_core.buildapi"), "x", PythonTool::Flit),
        (backend("maturin"), "x", PythonTool::Maturin),
        (backend("poetry.core.masonry.api"), "x", PythonTool::Poetry),
        (backend("pdm.backend"), "x", PythonTool::Pdm),
        (backend("scikit_build_core.build"), "x", PythonTool::Other),
        ("[tool.poetry]\nname = 'a'\n".to_owned(), "x", PythonTool::Poetry),
        ("[tool.uv]\n".to_owned(), "x", PythonTool::Uv),
        ("[project]\nname = 'a'\n".to_owned(), "x", PythonTool::Setuptools),
        (String::new(), "pdm.lock", PythonTool::Pdm),
    ] {
        let found = python(&[("pyproject.toml", &text), (lock, "")]).pyproject.unwrap();
        assert_eq!(found.tool, tool, "{text} {lock}");
    }
}

#[test]
fn what_a_pyproject_install_reads() {
    let uv = "[project]\nname = 'a'\n[build-system]\nrequires = ['hatchling', 'hatch_vcs>=0.3']\nbuild-backend = 'hatchling.build'\n";
    // (manifest, lockfile, hazard of the install, hazard of the dependencies alone)
    let cases: &[(&str, &str, Option<&str>, Option<&str>)] = &[
        ("[tool.poetry]\nname = 'a'\n", "poetry.lock", Some("H051"), None),
        ("[tool.poetry]\npackage-mode = false\n", "poetry.lock", None, None),
        ("[tool.poetry.dependencies]\nb = {path = '../b'}\n", "poetry.lock", Some("H051"), Some("H047")),
        (
            "[tool.poetry.group.dev.dependencies]\nb = [{path = 'b'}]\n",
            "poetry.lock",
            Some("H051"),
            Some("H047"),
        ),
        ("[project]\nname = 'a'\n", "uv.lock", None, None),
        (uv, "uv.lock", Some("H052"), None),
        ("[tool.uv]\npackage = true\n", "uv.lock", Some("H051"), None),
        ("[tool.uv.sources]\nb = {workspace = true}\n", "uv.lock", Some("H047"), Some("H047")),
        ("[tool.uv.workspace]\nmembers = ['p/*']\n", "uv.lock", Some("H051"), None),
        ("[tool.uv]\nfind-links = ['wheels']\n", "uv.lock", Some("H050"), Some("H050")),
        ("[project]\ndependencies = ['b @ file:///b']\n", "uv.lock", Some("H047"), Some("H047")),
        ("[project]\ndynamic = ['dependencies']\n", "uv.lock", Some("H051"), Some("H051")),
        ("[project]\ndynamic = ['dependencies']\n[tool.poetry]\n", "poetry.lock", Some("H051"), None),
        ("[tool.pdm]\n", "pdm.lock", Some("H051"), None),
        ("[tool.pdm]\ndistribution = false\n", "pdm.lock", None, None),
        ("[tool.pdm.version]\nsource = 'scm'\n", "pdm.lock", Some("H052"), None),
        ("[project]\nname = 'a'\n", "x", Some("H051"), Some("H051")),
        ("[tool.setuptools_scm]\n", "x", Some("H052"), Some("H052")),
        ("[tool.hatch.version]\nsource = 'vcs'\n", "x", Some("H052"), Some("H052")),
        ("not toml", "x", Some("H050"), Some("H050")),
    ];
    for (text, lock, install, dependencies) in cases {
        let found = python(&[("pyproject.toml", text), (lock, "")]);
        let hazard = |reads: Result<_, Obstacle>| reads.err().map(|obstacle: Obstacle| obstacle.hazard);
        assert_eq!(hazard(found.install_reads("pyproject.toml")), *install, "{text}");
        let reads = found.dependency_reads("pyproject.toml");
        if dependencies.is_none() {
            assert_eq!(reads, Ok(vec!["pyproject.toml".to_owned(), (*lock).to_owned()]), "{text}");
        }
        assert_eq!(hazard(reads), *dependencies, "{text}");
    }
    let found =
        python(&[("a/pyproject.toml", "[tool.uv]"), ("a/uv.lock", ""), ("a/.python-version", "3.13")]);
    let wanted = ["a/pyproject.toml", "a/uv.lock", "a/.python-version"].map(str::to_owned).to_vec();
    assert_eq!(found.install_reads("a/pyproject.toml"), Ok(wanted));
}

#[test]
fn what_building_reads() {
    let manifest = "\
[build-system]
requires = ['setuptools']
[project]
name = 'a'
readme = 'README.md'
dynamic = ['version', 'dependencies']
[project.license]
file = 'LICENSE'
[tool.setuptools.dynamic]
version = {file = 'VERSION'}
dependencies = {file = ['requirements.txt', 'gone.txt']}
";
    let building = python(&[
        ("pyproject.toml", manifest),
        ("README.md", ""),
        ("LICENSE", ""),
        ("VERSION", "1"),
        ("requirements.txt", "flask"),
        ("notes.md", ""),
    ])
    .building
    .unwrap();
    assert_eq!(building.files, ["pyproject.toml", "README.md", "LICENSE", "requirements.txt", "VERSION"]);
    assert_eq!(building.requirements, ["requirements.txt"]);
    assert!(!building.needs_git && !building.runs_code);

    let setup = "\
with open('README.rst') as f: long = f.read()
with open(\"requirements.txt\") as f: needs = f.readlines()
setup(name='a', install_requires=needs, version=open('gone').read())
";
    let files =
        [("a/setup.py", setup), ("a/README.rst", ""), ("a/requirements.txt", ""), ("a/setup.cfg", "[pbr]")];
    let building = python(&files).building.unwrap();
    assert_eq!(building.files, ["a/setup.py", "a/setup.cfg", "a/README.rst", "a/requirements.txt"]);
    assert_eq!(building.requirements, ["a/requirements.txt"]);
    assert!(building.needs_git && building.runs_code);

    assert_eq!(python(&[("pyproject.toml", "[tool.ruff]"), ("requirements.txt", "")]).building, None);
}

#[test]
fn the_members_of_a_workspace_are_enumerated() {
    let manifest =
        "[tool.uv.workspace]\nmembers = ['packages/*', 'tools/b?', 'gone']\nexclude = ['packages/old']\n";
    let found = python(&[
        ("pyproject.toml", manifest),
        ("uv.lock", ""),
        ("packages/a/pyproject.toml", ""),
        ("packages/old/pyproject.toml", ""),
        ("packages/none/a.py", ""),
        ("tools/b1/pyproject.toml", ""),
        ("tools/c1/pyproject.toml", ""),
    ]);
    assert_eq!(found.workspace_members().unwrap(), ["packages/a/pyproject.toml", "tools/b1/pyproject.toml"]);
    let found = python(&[("pyproject.toml", "[tool.uv.workspace]\nmembers = ['**/x']\n")]);
    assert_eq!(found.workspace_members().unwrap_err().hazard, "H047");
}

#[test]
fn an_environment_of_conda() {
    let text = "\
name: shop  # ours
channels:
  - conda-forge
dependencies:
  - python=3.12
  - conda-forge::gdal >=3
  - pip:
      - flask==3.0
      - -r requirements.txt
      - ./libs/own
  - numpy
prefix: /opt/x
";
    let files = [
        ("environment.yml", text),
        ("requirements.txt", "-r more.txt"),
        ("more.txt", ""),
        ("libs/own/setup.py", ""),
    ];
    let found = python(&files);
    let environment = &found.conda[0];
    assert_eq!(environment.name.as_deref(), Some("shop"));
    assert_eq!(environment.pip_options, ["-r requirements.txt"]);
    assert_eq!(environment.packages, ["python=3.12", "gdal >=3", "flask==3.0", "./libs/own", "numpy"]);
    let wanted = ["environment.yml", "requirements.txt", "more.txt", "libs/own"].map(str::to_owned).to_vec();
    assert_eq!(found.install_reads("environment.yml"), Ok(wanted));
    for (entry, hazard) in [("-e .", "H047"), ("-r /r.txt", "H050"), ("-r gone.txt", "H050")] {
        let text = format!("dependencies:\n- pip:\n  - {entry}\n");
        let found = python(&[("environment.yml", &text)]);
        assert_eq!(found.install_reads("environment.yml").unwrap_err().hazard, hazard, "{entry}");
    }
    // A workflow's settings are no environment.
    let files = MemoryFiles::new([("environment.yml", "production: true\n")]);
    assert_eq!(detect(&files), Answer::Present(vec![]));
}

#[test]
fn the_packages_that_a_project_names() {
    let found = python(&[
        ("requirements.txt", "Flask_Login==1\n-e git+https://x.example/a.git#egg=Own_Thing\n"),
        (
            "pyproject.toml",
            "[project]\ndependencies = ['psycopg2-binary>=2']\n[tool.poetry.dependencies]\npython = '^3'\nlxml = '*'\n",
        ),
        ("poetry.lock", "[[package]]\nname = \"MarkupSafe\"\n[package.source]\nname = \"mirror\"\n"),
        ("Pipfile", "[[source]]\nname = 'pypi'\n[packages]\nuwsgi = '*'\n"),
    ]);
    let names: Vec<_> = found.packages.iter().map(String::as_str).collect();
    assert_eq!(names, ["flask-login", "lxml", "markupsafe", "own-thing", "psycopg2-binary", "uwsgi"]);
}

#[test]
fn a_requirements_file_of_powershell_is_read() {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend("flask\r\n-r b.txt\r\n".encode_utf16().flat_map(u16::to_le_bytes));
    let files = MemoryFiles::new([("requirements.txt", bytes), ("b.txt", b"# caf\xe9\nx".to_vec())]);
    let reads = requirements_reads(&files, "requirements.txt", "");
    assert_eq!(reads, Ok(vec!["requirements.txt".to_owned(), "b.txt".to_owned()]));
}

#[test]
fn pipenv_and_setup_files() {
    let pipfile = "[[source]]\nurl = 'https://example.com/simple'\n[packages]\nflask = '*'\n";
    let found = python(&[("Pipfile", pipfile), ("Pipfile.lock", "{}")]);
    assert_eq!(found.install_reads("Pipfile"), Ok(vec!["Pipfile".to_owned(), "Pipfile.lock".to_owned()]));
    let found = python(&[("Pipfile", "[packages]\nown = {editable = true, path = '.'}\n")]);
    assert_eq!(found.install_reads("Pipfile").unwrap_err().hazard, "H047");
    let found = python(&[("setup.py", "from setuptools import setup\nsetup()")]);
    assert_eq!(found.install_reads("setup.py").unwrap_err().hazard, "H050");
    let found = python(&[("setup.py", "setup(use_scm_version=True)")]);
    assert_eq!(found.install_reads("setup.py").unwrap_err().hazard, "H052");
    // A setup.cfg alone configures linters.
    assert_eq!(detect(&MemoryFiles::new([("setup.cfg", "[flake8]")])), Answer::Present(vec![]));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-a-z#\\\\./=@: \n\t;$é\\[\\]]{0,80}") {
        let files = MemoryFiles::new([("requirements.txt", &text), ("pyproject.toml", &text), ("Pipfile", &text), ("package.json", &text), ("pnpm-workspace.yaml", &text), (".npmrc", &text)]);
        let _ = detect(&files);
    }
}
