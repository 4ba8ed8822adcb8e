//! Tests of the table of images.

use super::super::{IMAGES, Knowledge, KnowledgeError};
use super::{Family, ImageExtension, Images, Layer, Shell, User};
use std::collections::HashMap;

fn table() -> Images {
    Images::parse(IMAGES).expect("images.toml")
}

fn facts(reference: &str) -> super::ImageFacts {
    Knowledge::builtin().image(reference).unwrap_or_else(|| panic!("{reference} is known"))
}

fn check_layer(name: &str, layer: &Layer, images: &Images, is_rule: bool) {
    let facts = with_facts!(names,);
    for forgotten in &layer.forget {
        assert!(facts.contains(&forgotten.as_str()), "{name}: no fact is called {forgotten}");
    }
    for variant in &layer.variants {
        assert!(images.table.variants.contains_key(variant), "{name}: no variants are called {variant}");
    }
    if let Some(like) = &layer.like {
        let (key, target, _) =
            images.entry_by_key(like).unwrap_or_else(|| panic!("{name}: nothing is called {like}"));
        assert_eq!(key, like, "{name}");
        assert!(key != name, "{name} is like itself");
        assert!(target.like.as_ref().is_none_or(|next| next != name), "{name}: a circle");
    }
    let conditional = !layer.has.is_empty()
        || layer.contains.is_some()
        || layer.at_least.is_some()
        || layer.below.is_some()
        || layer.reset
        || !layer.forget.is_empty();
    assert!(is_rule || !conditional, "{name}: a condition outside a rule");
    if is_rule {
        let nested = !layer.rules.is_empty() || layer.like.is_some() || !layer.versions.is_empty();
        assert!(!nested && layer.variants.is_empty(), "{name}: a rule in a rule");
    }
    for user in layer.user.iter().chain(&layer.ready_user) {
        assert!(user.name.is_some() || user.uid.is_some(), "{name}: a user is nobody");
    }
    assert!(
        !layer.user.as_ref().is_some_and(User::is_root) || layer.user.as_ref().and_then(|u| u.uid) == Some(0)
    );
    for rule in &layer.rules {
        check_layer(name, rule, images, true);
    }
}

#[test]
fn the_table_is_consistent() {
    let images = table();
    let is_month = |text: &str| text.len() == 7 && text.starts_with("20") && text.get(4..5) == Some("-");
    assert!(is_month(&images.table.as_of));
    for (family, facts) in &images.table.families {
        assert!(!facts.source.is_empty(), "{family:?}");
    }
    for (name, rules) in &images.table.variants {
        for rule in rules {
            check_layer(name, rule, &images, true);
        }
    }
    let mut seen = HashMap::new();
    for (index, group) in images.table.groups.iter().enumerate() {
        assert!(!group.source.is_empty() && group.as_of.as_deref().is_none_or(is_month));
        for (name, layer) in &group.images {
            assert_eq!(seen.insert(name, index), None, "{name} is there twice");
            check_layer(name, layer, &images, false);
            if name != "scratch" && !name.ends_with('*') {
                let read = super::ImageReference::parse(name).map(|read| read.familiar_name());
                assert_eq!(read.as_deref(), Some(name.as_str()), "{name} is not in its familiar form");
            }
        }
    }
    assert!(seen.len() > 150);
}

/// The reference, the family, the name or number of the user, the shell; `None` is unknown.
type Expected<'a> = (&'a str, Option<Family>, Option<&'a str>, Option<Shell>);

#[test]
fn images_have_the_expected_facts() {
    use Family::{
        Alpine, Arch, AzureLinux, Busybox, Debian, Distroless, Photon, RedHat, Scratch, Suse, Ubuntu,
        Windows, Wolfi,
    };
    use Shell::{Absent, Bash, Busybox as Ash, Cmd, Dash};
    let root = Some("root");
    let digest = "node@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let expected: &[Expected] = &[
        ("scratch", Some(Scratch), root, Some(Absent)),
        ("alpine", Some(Alpine), root, Some(Ash)),
        ("alpine:3.20", Some(Alpine), root, Some(Ash)),
        ("i386/alpine:edge", Some(Alpine), root, Some(Ash)),
        ("arm32v6/alpine:3.5", Some(Alpine), root, Some(Ash)),
        ("busybox:1.36-glibc", Some(Busybox), root, Some(Ash)),
        ("debian:bookworm-slim", Some(Debian), root, Some(Dash)),
        ("debian:sid", Some(Debian), root, Some(Dash)),
        ("ubuntu", Some(Ubuntu), root, Some(Dash)),
        ("ubuntu:trusty", Some(Ubuntu), root, Some(Dash)),
        ("docker.io/library/ubuntu:22.04", Some(Ubuntu), root, Some(Dash)),
        ("centos:7", Some(RedHat), root, Some(Bash)),
        ("docker.io/centos", Some(RedHat), root, Some(Bash)),
        ("fedora:40", Some(RedHat), root, Some(Bash)),
        ("rockylinux:9-minimal", Some(RedHat), root, Some(Bash)),
        ("amazonlinux:2023", Some(RedHat), root, Some(Bash)),
        ("oraclelinux:9-slim", Some(RedHat), root, Some(Bash)),
        ("opensuse/leap:15.6", Some(Suse), root, Some(Bash)),
        ("archlinux:base-devel", Some(Arch), root, Some(Bash)),
        ("base/archlinux", Some(Arch), root, Some(Bash)),
        ("photon:5.0", Some(Photon), root, Some(Bash)),
        ("registry.access.redhat.com/ubi9/ubi-minimal:9.4", Some(RedHat), root, Some(Bash)),
        ("registry.redhat.io/ubi8/ubi", Some(RedHat), root, Some(Bash)),
        ("registry.access.redhat.com/ubi8/python-39", Some(RedHat), Some("1001"), Some(Bash)),
        ("registry.access.redhat.com/ubi9/httpd-24", Some(RedHat), None, Some(Bash)),
        ("mcr.microsoft.com/azurelinux/base/core:3.0", Some(AzureLinux), root, Some(Bash)),
        ("node:20", Some(Debian), root, Some(Dash)),
        ("node:20-alpine", Some(Alpine), root, Some(Ash)),
        ("node:20-alpine3.19", Some(Alpine), root, Some(Ash)),
        ("node:lts-slim", Some(Debian), root, Some(Dash)),
        ("index.docker.io/library/node:18-bullseye", Some(Debian), root, Some(Dash)),
        ("public.ecr.aws/docker/library/node:22", Some(Debian), root, Some(Dash)),
        ("node:${V}", None, root, None),
        ("node:${V:-20}-alpine", Some(Alpine), root, Some(Ash)),
        ("node:20$SUFFIX", None, root, None),
        (digest, None, root, None),
        ("python:3.12-slim", Some(Debian), root, Some(Dash)),
        ("python:3.11-windowsservercore", Some(Windows), None, Some(Cmd)),
        ("python:3.12-rc-alpine", Some(Alpine), root, Some(Ash)),
        ("golang:1.22", Some(Debian), root, Some(Dash)),
        ("golang:1.23-nanoserver-ltsc2022", Some(Windows), None, Some(Cmd)),
        ("ruby:3.3-alpine", Some(Alpine), root, Some(Ash)),
        ("php:8.3-fpm-alpine", Some(Alpine), root, Some(Ash)),
        ("php:8.3-apache", Some(Debian), root, Some(Dash)),
        ("openjdk:8-jre", Some(Debian), root, Some(Dash)),
        ("openjdk:17", Some(RedHat), root, Some(Bash)),
        ("openjdk:17-slim", Some(Debian), root, Some(Dash)),
        ("openjdk:8-jdk-alpine3.9", Some(Alpine), root, Some(Ash)),
        ("eclipse-temurin:17-jre-alpine", Some(Alpine), root, Some(Ash)),
        ("eclipse-temurin:21", Some(Ubuntu), root, Some(Dash)),
        ("eclipse-temurin:21-jdk-ubi9-minimal", Some(RedHat), root, Some(Bash)),
        ("maven:3.9-eclipse-temurin-17", Some(Ubuntu), root, None),
        ("maven:3-jdk-8", Some(Debian), root, None),
        ("maven", None, root, None),
        ("gradle:8-jdk17-alpine", Some(Alpine), root, Some(Ash)),
        ("rust:1.80-slim-bookworm", Some(Debian), root, Some(Dash)),
        ("nginx", Some(Debian), root, Some(Dash)),
        ("nginx:1.27-alpine-slim", Some(Alpine), root, Some(Ash)),
        ("nginxinc/nginx-unprivileged:alpine", Some(Alpine), Some("nginx"), Some(Ash)),
        ("postgres:16-alpine", Some(Alpine), root, Some(Ash)),
        ("redis:7", Some(Debian), root, Some(Dash)),
        ("mongo:7", Some(Ubuntu), root, Some(Dash)),
        ("haproxy:2.9", Some(Debian), Some("haproxy"), Some(Dash)),
        ("haproxy:1.9", Some(Debian), root, Some(Dash)),
        ("memcached:1.6", Some(Debian), Some("memcache"), Some(Dash)),
        ("jenkins/jenkins:lts-alpine", Some(Alpine), Some("jenkins"), Some(Ash)),
        ("grafana/grafana:11.0.0", Some(Alpine), Some("grafana"), Some(Ash)),
        ("prom/prometheus", Some(Busybox), Some("nobody"), Some(Ash)),
        ("bitnami/redis:7.2", None, Some("1001"), None),
        ("bitnami/minideb:bookworm", Some(Debian), root, Some(Dash)),
        ("jupyter/scipy-notebook", Some(Ubuntu), Some("jovyan"), Some(Dash)),
        ("gcr.io/distroless/static-debian12", Some(Distroless), root, Some(Absent)),
        ("gcr.io/distroless/static-debian12:nonroot", Some(Distroless), Some("nonroot"), Some(Absent)),
        ("gcr.io/distroless/java17-debian12:debug", Some(Distroless), root, Some(Absent)),
        ("gcr.io/distroless/base:debug-nonroot", Some(Distroless), Some("nonroot"), Some(Absent)),
        ("cgr.dev/chainguard/static:latest", Some(Wolfi), Some("nonroot"), Some(Absent)),
        ("cgr.dev/chainguard/wolfi-base", Some(Wolfi), root, Some(Ash)),
        ("mcr.microsoft.com/dotnet/aspnet:8.0", Some(Debian), root, Some(Dash)),
        ("mcr.microsoft.com/dotnet/aspnet:10.0", Some(Ubuntu), root, Some(Dash)),
        ("mcr.microsoft.com/dotnet/sdk:8.0-alpine3.20", Some(Alpine), root, Some(Ash)),
        ("mcr.microsoft.com/dotnet/runtime:8.0-jammy-chiseled", Some(Ubuntu), Some("app"), Some(Absent)),
        ("mcr.microsoft.com/dotnet/core/sdk:3.1-bionic", Some(Ubuntu), root, Some(Dash)),
        ("mcr.microsoft.com/dotnet/framework/aspnet:4.8", Some(Windows), None, Some(Cmd)),
        ("mcr.microsoft.com/windows/servercore:ltsc2022", Some(Windows), None, Some(Cmd)),
        ("mcr.microsoft.com/windows:20H2", Some(Windows), None, Some(Cmd)),
        ("nvidia/cuda:12.2.0-runtime-ubuntu22.04", Some(Ubuntu), root, Some(Dash)),
        ("nvidia/cuda:12.2.0-devel-rockylinux8", Some(RedHat), root, Some(Bash)),
        ("phusion/baseimage:focal-1.0.0", Some(Ubuntu), root, Some(Dash)),
        ("quay.io/pypa/manylinux2014_x86_64", Some(RedHat), root, Some(Bash)),
        ("quay.io/pypa/musllinux_1_2_x86_64", Some(Alpine), root, Some(Ash)),
        ("swift:5.10-amazonlinux2", Some(RedHat), root, Some(Bash)),
    ];
    for (reference, family, user, shell) in expected {
        let facts = facts(reference);
        assert_eq!(facts.family, *family, "the family of {reference}");
        let found = facts
            .user
            .as_ref()
            .map(|user| user.name.clone().unwrap_or_else(|| user.uid.unwrap_or(u32::MAX).to_string()));
        assert_eq!(found.as_deref(), *user, "the user of {reference}");
        // Maven's shell goes with its family.
        if !reference.starts_with("maven") {
            assert_eq!(facts.shell, *shell, "the shell of {reference}");
        }
    }
}

#[test]
fn what_is_not_known_stays_unknown() {
    for reference in
        ["corp/app", "$BASE", "${BASE}:20", "registry.example.com/library/node:20", "nodejs", "scratch:1", ""]
    {
        assert_eq!(Knowledge::builtin().image(reference), None, "{reference}");
    }
    assert_eq!(facts("node:10").entrypoint, None, "its tags differ");
    assert_eq!(facts("tomcat").family, None);
}

#[test]
fn ready_users_depend_on_the_version() {
    let name = |reference| facts(reference).ready_user.and_then(|user| user.name);
    let uid = |reference| facts(reference).ready_user.and_then(|user| user.uid);
    assert_eq!(uid("node:20-alpine"), Some(1000));
    assert_eq!(name("node:0.12"), None);
    assert_eq!(name("node:argon"), None);
    assert_eq!(name("node:lts"), Some("node".into()));
    assert_eq!(name("node:carbon-alpine"), Some("node".into()));
    assert_eq!(name("node:$V"), None);
    assert_eq!(name("ubuntu:22.04"), None);
    assert_eq!(name("ubuntu:noble-20240101"), Some("ubuntu".into()));
    assert_eq!(name("ubuntu"), Some("ubuntu".into()));
    assert_eq!(uid("mcr.microsoft.com/dotnet/aspnet:8.0"), Some(1654));
    assert_eq!(uid("mcr.microsoft.com/dotnet/aspnet:6.0"), None);
    assert_eq!(uid("php:8.3-fpm"), Some(33));
    assert_eq!(uid("php:8.3-fpm-alpine"), Some(82));
    assert_eq!(uid("postgres:16-alpine"), Some(70));
    assert_eq!(uid("gcr.io/distroless/nodejs20-debian12"), Some(65532));
}

#[test]
fn services_and_entry_points() {
    let node = facts("node:20");
    assert_eq!(node.entrypoint, Some(vec!["docker-entrypoint.sh".into()]));
    assert_eq!((node.entrypoint_branches, node.service, node.official), (Some(true), Some(false), true));
    assert_eq!(node.runtime.as_deref(), Some("node:20-slim"));
    assert_eq!(node.source, "hub.docker.com/_/node");
    assert_eq!(facts("python:3").entrypoint, Some(Vec::new()));
    assert_eq!(facts("node:8-onbuild").onbuild, Some(true));
    assert_eq!(facts("golang").workdir.as_deref(), Some("/go"));
    let fpm = facts("php:8-fpm");
    assert_eq!((fpm.service, fpm.cmd), (Some(true), Some(vec!["php-fpm".to_owned()])));
    for service in ["nginx", "postgres:9.6", "redis", "httpd", "rabbitmq:3-management", "postgis/postgis"] {
        let facts = facts(service);
        assert_eq!((facts.service, facts.drops_privileges), (Some(true), Some(true)), "{service}");
    }
    assert_eq!(facts("gcr.io/distroless/base-debian12:debug").shell_path.as_deref(), Some("/busybox/sh"));
    assert_eq!(facts("centos:6").package_managers, Some(vec!["yum".to_owned()]));
    assert_eq!(facts("centos").package_managers.map(|managers| managers.len()), Some(2));
    assert!(!facts("grafana/grafana").official);
    assert_eq!(facts("debian").shell.and_then(Shell::stays_process_one), Some(true));
    assert_eq!(facts("alpine").shell.and_then(Shell::stays_process_one), Some(false));
}

fn with(toml: &str) -> Result<Knowledge, KnowledgeError> {
    let table: HashMap<String, ImageExtension> = toml::from_str(toml).expect("a table of images");
    Knowledge::builtin().with_images(table)
}

#[test]
fn a_configuration_adds_images() {
    let knowledge = with(
        "['corp/node-base']\nlike = 'node:20'\nuser = 'app'\n\
         ['corp/node-base:alpine']\nlike = 'node:20-alpine'\n\
         ['r.corp.io/*']\nlike = 'corp/node-base'\nentrypoint = []\n\
         ['corp/rpm']\nfamily = 'redhat'\npackage_managers = ['dnf']\nuser = { name = 'x', uid = 7 }",
    )
    .expect("all are known");
    let base = knowledge.image("corp/node-base:1").expect("known");
    assert_eq!(base.family, Some(Family::Debian));
    assert_eq!(base.user.and_then(|user| user.name).as_deref(), Some("app"));
    assert!(!base.official);
    assert_eq!(knowledge.image("corp/node-base:alpine").and_then(|facts| facts.family), Some(Family::Alpine));
    let nested = knowledge.image("r.corp.io/team/app:2").expect("known");
    assert_eq!((nested.entrypoint, nested.entrypoint_branches), (Some(Vec::new()), None));
    assert_eq!(nested.shell, Some(Shell::Dash));
    assert_eq!(knowledge.image("corp/rpm").and_then(|facts| facts.shell), Some(Shell::Bash));
    assert_eq!(knowledge.image("node:20").and_then(|facts| facts.family), Some(Family::Debian));
}

#[test]
fn a_configuration_is_checked() {
    assert!(matches!(with("['No Image']\nuser = 'x'"), Err(KnowledgeError::NotAnImage(_))));
    assert!(matches!(with("[a]\nlike = 'corp/unknown'"), Err(KnowledgeError::UnknownLike { .. })));
    assert!(matches!(with("[a]\nlike = 'b'\n[b]\nlike = 'a'"), Err(KnowledgeError::Circular(_))));
    let table: Result<HashMap<String, ImageExtension>, _> = toml::from_str("[a]\nlikes = 'node'");
    assert!(table.is_err(), "an unknown key");
}

#[test]
fn slim_siblings_have_the_same_release() {
    for (reference, slim) in [
        ("node:20", Some("node:20-slim")),
        ("node", Some("node:slim")),
        ("node:lts", Some("node:lts-slim")),
        ("node:20.9.0-bookworm", Some("node:20.9.0-bookworm-slim")),
        ("docker.io/library/node:iron", Some("docker.io/library/node:iron-slim")),
        ("node:20-slim", Some("node:20-slim")),
        ("python:3.11-bookworm", Some("python:3.11-slim-bookworm")),
        ("python:3.11-slim-bookworm", Some("python:3.11-slim-bookworm")),
        ("ruby:3.2", Some("ruby:3.2-slim")),
        ("node:20-alpine", None),
        ("node:20-alpine3.19", None),
        ("python:3.11-windowsservercore", None),
        ("node:$V", None),
        ("golang:1.22", None),
    ] {
        let facts = Knowledge::builtin().image(reference);
        assert_eq!(facts.and_then(|facts| facts.slim).as_deref(), slim, "{reference}");
    }
}
