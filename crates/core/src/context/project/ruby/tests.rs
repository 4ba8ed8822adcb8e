//! What is read of Ruby projects.

use super::super::{Stack, Tree, detect};
use super::*;
use crate::context::MemoryFiles;

fn reads(files: &[(&str, &str)]) -> Result<Vec<String>, Obstacle> {
    let files = MemoryFiles::new(files.iter().copied());
    RubyProject::read(Tree::new(&files, &|_| true), "").unwrap().install_reads()
}

const LOCK: &str = "GEM\n  remote: https://gems.example.com/\n  specs:\n    rack (3.1.7)\n      webrick\n\nPLATFORMS\n  ruby\n  x86_64-linux\n";

#[test]
fn manifests_are_told_by_their_names() {
    let files = MemoryFiles::new([("Gemfile", ""), ("x.gemspec", ""), ("Gemfile.lock", "")]);
    let found = detect(&files).present().unwrap();
    assert_eq!(found[0].stack, Stack::Ruby);
    assert_eq!(found[0].manifests, ["Gemfile", "x.gemspec"]);
    assert_eq!(found[0].lockfiles, ["Gemfile.lock"]);
}

#[test]
fn files_that_a_gemfile_names_are_read() {
    for (gemfile, more) in [
        (
            "source 'https://gems.example.com'\nruby file: '.ruby-version'\ngem 'rails', '~> 7.1'\n",
            ".ruby-version",
        ),
        (
            "ruby File.read(File.join(__dir__, \".ruby-version\")).strip # the same everywhere\n",
            ".ruby-version",
        ),
        ("ruby File.read('.ruby-version') if File.exist?('.ruby-version')\n", ".ruby-version"),
        ("eval_gemfile File.expand_path('more.rb', __dir__)\n", "more.rb"),
    ] {
        let found = reads(&[
            ("Gemfile", gemfile),
            ("Gemfile.lock", LOCK),
            (".ruby-version", "3.3.4"),
            ("more.rb", "gem 'x'"),
        ]);
        assert_eq!(found.unwrap(), ["Gemfile", "Gemfile.lock", more], "{gemfile}");
    }
    let project = MemoryFiles::new([("Gemfile", "gem 'rack'"), ("Gemfile.lock", LOCK)]);
    let project = RubyProject::read(Tree::new(&project, &|_| true), "").unwrap();
    assert_eq!(project.gems, ["rack"]);
    assert!(!project.from_git);
}

#[test]
fn gems_of_the_project_are_read_with_their_version() {
    let spec = "# frozen_string_literal: true\nlib = File.expand_path('lib', __dir__)\n$LOAD_PATH.unshift(lib)\nrequire 'x/version'\n\
        Gem::Specification.new do |spec|\n  spec.required_ruby_version = '>= 3.1'\n  spec.files = ['lib/x.rb']\nend\n";
    let files =
        [("Gemfile", "gemspec"), ("x.gemspec", spec), ("lib/x/version.rb", "module X\n  VERSION = '1'\nend")];
    assert_eq!(reads(&files).unwrap(), ["Gemfile", "x.gemspec", "lib/x/version.rb"]);
    let git = spec.replace("['lib/x.rb']", "`git ls-files`.split");
    assert_eq!(reads(&[files[0], ("x.gemspec", &git), files[2]]).unwrap_err().hazard, "H054");
    let around = spec.replace("['lib/x.rb']", "Dir['lib/**/*']");
    assert_eq!(reads(&[files[0], ("x.gemspec", &around), files[2]]).unwrap_err().hazard, "H054");
    let more = ("lib/x/version.rb", "require 'json'\n");
    assert_eq!(reads(&[files[0], files[1], more]).unwrap_err().hazard, "H054");
    assert_eq!(reads(&[files[0]]).unwrap_err().hazard, "H054");
}

#[test]
fn gems_in_directories_are_read_whole() {
    let inside = ("engines/shop/shop.gemspec", "");
    assert_eq!(
        reads(&[("Gemfile", "gem 'shop', path: 'engines/shop'"), inside]).unwrap(),
        ["Gemfile", "engines/shop"]
    );
    assert_eq!(
        reads(&[("Gemfile", "gem 'shop', :path => 'engines/shop'"), inside]).unwrap(),
        ["Gemfile", "engines/shop"]
    );
    assert_eq!(
        reads(&[("Gemfile", "path 'engines/shop' do\n gem 'shop'\nend"), inside]).unwrap(),
        ["Gemfile", "engines/shop"]
    );
    assert_eq!(reads(&[("Gemfile", "gem 'shop', path: '../shop'")]).unwrap_err().hazard, "H054");
    assert_eq!(reads(&[("Gemfile", "gem 'shop', path: 'none'")]).unwrap_err().hazard, "H047");
    let lock = "PATH\n  remote: engines/y\n  specs:\n    y (1)\n";
    assert_eq!(reads(&[("Gemfile", ""), ("Gemfile.lock", lock)]).unwrap_err().hazard, "H047");
}

#[test]
fn code_and_foreign_lockfiles_are_obstacles() {
    for gemfile in [
        "Dir.glob('plugins/*/Gemfile') { |f| eval_gemfile f }",
        "gem 'x', `cat VERSION`",
        "eval_gemfile \"plugins/#{name}\"",
        "instance_eval File.read(path)",
    ] {
        assert_eq!(reads(&[("Gemfile", gemfile)]).unwrap_err().hazard, "H054", "{gemfile}");
    }
    let mac = "GEM\n  specs:\n    rack (3)\n\nPLATFORMS\n  arm64-darwin-23\n";
    assert_eq!(reads(&[("Gemfile", ""), ("Gemfile.lock", mac)]).unwrap_err().hazard, "H054");
}
