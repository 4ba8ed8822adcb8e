use super::super::detect as detect_all;
use super::*;
use crate::context::MemoryFiles;

/// The project in `root`.
fn project(root: &str, files: &[(&str, &str)]) -> GoProject {
    let found = detect_all(&MemoryFiles::new(files.iter().copied())).present().unwrap();
    let at = found.into_iter().find(|project| project.root == root && matches!(project.stack, Stack::Go(_)));
    let Some(Project { stack: Stack::Go(go), .. }) = at else { panic!("no Go project in {root:?}") };
    *go
}

fn reads(root: &str, files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    project(root, files).download_reads().map_err(|obstacle| obstacle.to_string())
}

const GIN: &str = "module example.com/shop\n\ngo 1.22\n\ntoolchain go1.22.3\n\nrequire (\n\tgithub.com/gin-gonic/gin v1.10.0\n\tgolang.org/x/net v0.25.0 // indirect\n)\n";

#[test]
fn a_module_is_read() {
    let go = project("", &[("go.mod", GIN), ("go.sum", "")]);
    assert_eq!(go.module.as_deref(), Some("example.com/shop"));
    assert_eq!(go.go.as_deref(), Some("1.22"));
    assert_eq!(go.toolchain.as_deref(), Some("go1.22.3"));
    let indirect: Vec<bool> = go.requires.iter().map(|require| require.indirect).collect();
    assert_eq!(indirect, [false, true]);
    assert!(go.downloads());
    assert_eq!(go.download_reads(), Ok(vec!["go.mod".to_owned(), "go.sum".to_owned()]));
}

#[test]
fn without_requirements_there_is_nothing_to_download() {
    let go = project("", &[("go.mod", "module x\n\ngo 1.22\n")]);
    assert!(!go.downloads());
    assert_eq!(go.download_reads(), Ok(vec!["go.mod".to_owned()]));
}

#[test]
fn a_local_replace_adds_its_manifest_or_is_an_obstacle() {
    let text = "module x\nrequire example.com/lib v0.0.0\nreplace example.com/lib => ./lib\n";
    let go = project("", &[("go.mod", text), ("lib/go.mod", "module example.com/lib\n")]);
    assert!(!go.downloads(), "the only requirement comes from a directory");
    assert_eq!(go.download_reads(), Ok(vec!["go.mod".to_owned(), "lib/go.mod".to_owned()]));
    assert_eq!(
        reads("", &[("go.mod", text)]),
        Err("`lib/go.mod`, which a replace needs, is not there (H047)".to_owned())
    );
    let outside = "module x\nreplace a v1.0.0 => ../a\n";
    assert_eq!(
        reads("", &[("go.mod", outside)]),
        Err("`../a` is outside of the build context (H047)".to_owned())
    );
    // Another version of a module from the network is not a directory.
    let remote = "module x\nrequire a v1.0.0\nreplace a => example.com/fork v1.0.1\n";
    assert_eq!(reads("", &[("go.mod", remote)]), Ok(vec!["go.mod".to_owned()]));
    assert!(project("", &[("go.mod", remote)]).downloads());
}

#[test]
fn a_workspace_reads_every_module_that_it_uses() {
    let files = [
        ("go.work", "go 1.22\n\nuse (\n\t./api\n\t./lib\n)\n"),
        ("go.work.sum", ""),
        ("api/go.mod", "module api\nrequire (\n\tlib v0.0.0\n\tgithub.com/x/y v1.0.0\n)\n"),
        ("api/go.sum", ""),
        ("lib/go.mod", "module lib\n"),
        ("other/go.mod", "module other\n"),
    ];
    let expected = ["go.work", "go.work.sum", "api/go.mod", "api/go.sum", "lib/go.mod"].map(str::to_owned);
    assert_eq!(reads("", &files), Ok(expected.to_vec()));
    assert_eq!(reads("api", &files), Ok(expected.to_vec()));
    assert!(project("api", &files).downloads());
    assert!(reads("other", &files).is_err_and(|reason| reason.contains("not a module of the workspace")));
    assert!(
        !project("", &[files[0], ("api/go.mod", "module api\nrequire lib v0.0.0\n"), files[4]]).downloads()
    );
}

#[test]
fn vendored_modules_are_seen() {
    let go = project("", &[("go.mod", GIN), ("vendor/modules.txt", "")]);
    assert_eq!(go.vendor.as_deref(), Some("vendor/modules.txt"));
    assert_eq!(project("", &[("go.mod", GIN), ("vendor/x/x.go", "")]).vendor, None);
}
