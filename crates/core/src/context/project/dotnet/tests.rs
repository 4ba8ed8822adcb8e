//! What is read of .NET projects.

use super::super::{Stack, Tree, detect};
use super::*;
use crate::context::MemoryFiles;

fn read(files: &[(&str, &str)], path: &str) -> DotNetProject {
    let files = MemoryFiles::new(files.iter().copied());
    DotNetProject::read(Tree::new(&files, &|_| true), path).unwrap()
}

fn hazard(project: &DotNetProject) -> &'static str {
    project.restore_reads().unwrap_err().hazard
}

const WEB: &str =
    "<Project Sdk=\"Microsoft.NET.Sdk.Web\"><PropertyGroup><TargetFramework>net8.0</TargetFramework>
    </PropertyGroup><ItemGroup><PackageReference Include=\"X\" /></ItemGroup></Project>";
const LIBRARY: &str = "<Project Sdk=\"Microsoft.NET.Sdk\"></Project>";

#[test]
fn manifests_are_told_by_their_endings() {
    let files = MemoryFiles::new([("App.csproj", ""), ("App.sln", ""), (".csproj", "")]);
    let found = detect(&files).present().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].stack, Stack::DotNet);
    assert_eq!(found[0].manifests, ["App.csproj", "App.sln"]);
}

#[test]
fn references_are_followed_and_what_lies_above_is_taken() {
    let project = read(
        &[
            (
                "src/Api/Api.csproj",
                "<Project Sdk='Microsoft.NET.Sdk.Web'><PropertyGroup><AssemblyName>shop</AssemblyName>
                 <OutputType>Exe</OutputType></PropertyGroup>
                 <ItemGroup><ProjectReference Include='..\\Core\\Core.csproj;../Data/Data.csproj' /></ItemGroup></Project>",
            ),
            ("src/Core/Core.csproj", LIBRARY),
            ("src/Core/packages.lock.json", "{}"),
            ("src/Data/Data.csproj", "<Project Sdk='Microsoft.NET.Sdk'><ItemGroup>
                <ProjectReference Include='$(MSBuildThisFileDirectory)..\\Core\\Core.csproj' /></ItemGroup></Project>"),
            ("src/Directory.Build.props", "<Project><Import Project='../eng/Common.props' /></Project>"),
            ("eng/Common.props", "<Project />"),
            ("Directory.Packages.props", "<Project />"),
            ("NuGet.Config", "<configuration><packageSources><add key='l' value='./feed' /></packageSources></configuration>"),
            ("feed/x.nupkg", ""),
            ("global.json", "{}"),
            ("src/Api/Program.cs", ""),
        ],
        "src/Api/Api.csproj",
    );
    assert_eq!(
        project.restore_reads().unwrap(),
        [
            "src/Api/Api.csproj",
            "src/Directory.Build.props",
            "eng/Common.props",
            "Directory.Packages.props",
            "feed",
            "NuGet.Config",
            "global.json",
            "src/Core/Core.csproj",
            "src/Core/packages.lock.json",
            "src/Data/Data.csproj",
        ]
    );
    assert_eq!(project.assembly.as_deref(), Some("shop"));
    assert_eq!(project.output_type.as_deref(), Some("Exe"));
    assert_eq!(project.sdk.as_deref(), Some("Microsoft.NET.Sdk.Web"));
}

#[test]
fn solutions_of_both_kinds_name_their_projects() {
    let old = "Microsoft Visual Studio Solution File\r\nProject(\"{9A}\") = \"Api\", \"Api\\Api.csproj\", \"{1}\"\r\nEndProject\r\n\
        Project(\"{2150E333}\") = \"docs\", \"docs\", \"{2}\"\r\nEndProject\r\nProject(\"{E5}\") = \"c\", \"c.dcproj\", \"{3}\"\r\n";
    let new = "<Solution><Folder Name='/src/'><Project Path='Api/Api.csproj' /></Folder></Solution>";
    let project =
        read(&[("a.sln", old), ("Api/Api.csproj", WEB), ("c.dcproj", "<Project Sdk='x'/>")], "a.sln");
    assert_eq!(project.restore_reads().unwrap(), ["a.sln", "Api/Api.csproj", "c.dcproj"]);
    let project = read(&[("a.slnx", new), ("Api/Api.csproj", WEB)], "a.slnx");
    assert_eq!(project.restore_reads().unwrap(), ["a.slnx", "Api/Api.csproj"]);
    let outside = read(&[("a.sln", "Project(\"{9A}\") = \"A\", \"..\\A\\A.csproj\", \"{1}\"")], "a.sln");
    assert_eq!(hazard(&outside), "H055");
}

#[test]
fn what_restore_may_read_besides_is_an_obstacle() {
    let with = |inside: &str| format!("<Project Sdk='Microsoft.NET.Sdk'>{inside}</Project>");
    for inside in [
        "<ItemGroup><ProjectReference Include='../**/*.csproj' /></ItemGroup>",
        "<ItemGroup><ProjectReference Include='$(Shared)/A.csproj' /></ItemGroup>",
        "<ItemGroup><ProjectReference Include='../lib/lib.csproj' /></ItemGroup>",
        "<Import Project='$(RepoRoot)/x.props' />",
        "<PropertyGroup><Version>$([System.IO.File]::ReadAllText('VERSION'))</Version></PropertyGroup>",
        "<PropertyGroup><RestoreSources>../feed</RestoreSources></PropertyGroup>",
        "<ItemGroup Condition=\"Exists('src')\"><PackageReference Include='x' /></ItemGroup>",
    ] {
        let text = with(inside);
        let project =
            read(&[("a/a.csproj", &text), ("Lib/Lib.csproj", LIBRARY), ("a/src/x.cs", "")], "a/a.csproj");
        assert_eq!(hazard(&project), "H055", "{inside}");
    }
    for inside in [
        "<Import Project='$(MSBuildExtensionsPath)/x.props' />",
        "<Import Project=\"$([MSBuild]::GetPathOfFileAbove('Directory.Build.props', '$(MSBuildThisFileDirectory)../'))\" />",
        "<Import Project='local.props' Condition=\"Exists('local.props')\" />",
        "<Target Name='x'><Exec Condition=\"!Exists('$(Y)')\" Command='z' /></Target>",
    ] {
        let text = with(inside);
        let project = read(&[("a/a.csproj", &text)], "a/a.csproj");
        assert_eq!(project.restore_reads().unwrap(), ["a/a.csproj"], "{inside}");
    }
    let old = read(&[("a.csproj", LIBRARY), ("packages.config", "")], "a.csproj");
    assert_eq!(hazard(&old), "H055");
}

#[test]
fn the_project_of_a_directory_is_the_only_one() {
    let files = MemoryFiles::new([
        ("one/a.csproj", ""),
        ("two/a.csproj", ""),
        ("two/b.csproj", ""),
        ("both/a.csproj", ""),
        ("both/a.sln", ""),
    ]);
    let find = |place: &str| DotNetProject::in_directory(Tree::new(&files, &|_| true), place);
    assert_eq!(find("one").as_deref(), Some("one/a.csproj"));
    assert_eq!(find("two"), None);
    assert_eq!(find("both").as_deref(), Some("both/a.sln"));
    assert_eq!(find(""), None);
}
