use super::super::detect as detect_all;
use super::*;
use crate::context::MemoryFiles;

fn project(files: &[(&str, &str)]) -> Option<NativeProject> {
    let found = detect_all(&MemoryFiles::new(files.iter().copied())).present().unwrap();
    found.into_iter().find_map(|project| match project.stack {
        Stack::Native(native) => Some(*native),
        _ => None,
    })
}

#[test]
fn cmake_says_what_it_builds() {
    let top = "cmake_minimum_required(VERSION 3.16)\nproject(server CXX)\n# add_executable(no x.cc)\nfind_package(OpenSSL REQUIRED)\npkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=12)\nADD_SUBDIRECTORY( src )\nadd_executable(${NAME} a.cc)\n";
    let files = [
        ("CMakeLists.txt", top),
        (
            "src/CMakeLists.txt",
            "add_executable(\"server\"\n  main.cc # here\n)\ninstall(TARGETS server DESTINATION bin)\n",
        ),
    ];
    let native = project(&files).unwrap();
    assert_eq!(native.build, NativeBuild::CMake);
    assert_eq!(native.programs, ["server"]);
    assert_eq!(native.libraries, ["OpenSSL", "libpq"]);
    assert!(native.installs);
    assert_eq!(native.prefix.as_deref(), Some("/usr/local"));
}

#[test]
fn a_makefile_is_native_only_beside_sources() {
    let make = "PREFIX ?= /opt/app\nall: app\napp: main.o\n\t$(CC) -o $@ $^\ninstall: all\n\tinstall app $(PREFIX)/bin\n";
    let native = project(&[("Makefile", make), ("src/main.c", "")]).unwrap();
    assert_eq!(native.build, NativeBuild::Make);
    assert!(native.installs);
    assert_eq!(native.prefix.as_deref(), Some("/opt/app"));
    assert_eq!(project(&[("Makefile", make), ("main.go", "")]), None);
    assert!(!project(&[("Makefile", "install := no\n"), ("a.c", "")]).unwrap().installs);
}

#[test]
fn autotools_and_meson_are_told() {
    assert_eq!(project(&[("configure.ac", "")]).map(|native| native.build), Some(NativeBuild::Autotools));
    assert_eq!(project(&[("meson.build", "")]).map(|native| native.build), Some(NativeBuild::Meson));
}

#[test]
fn nothing_breaks_the_reading_of_cmake() {
    for text in ["(", ")", "a(\"", "a((b)", "#", "a(b\\", "add_subdirectory(.)", "add_executable()"] {
        let _ = project(&[("CMakeLists.txt", text)]);
    }
}
