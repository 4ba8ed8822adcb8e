//! The rules. This file is written by `cargo xtask codegen`: add a file to `rules/` and run it.

pub mod add_instead_of_copy;
pub mod apk_cache;
pub mod apt_command;
pub mod apt_lists_kept;
pub mod apt_prompt;
pub mod apt_recommends;
pub mod empty_continuation_line;
pub mod incomplete_dockerignore;
pub mod instruction_in_run;
pub mod legacy_key_value;
pub mod maintainer_instruction;
pub mod missing_dockerignore;
pub mod mixed_as_casing;
pub mod mixed_instruction_casing;
pub mod pip_cache;
pub mod root_user;
pub mod shell_form_cmd;
pub mod shell_form_entrypoint;
pub mod shell_form_healthcheck;
pub mod single_stage_build;
pub mod source_before_dependencies;
pub mod unreachable_instruction;

use crate::rule::Rule;

/// Every rule, by id.
pub static ALL: &[&Rule] = &[
    &add_instead_of_copy::RULE,
    &apk_cache::RULE,
    &apt_command::RULE,
    &apt_lists_kept::RULE,
    &apt_prompt::RULE,
    &apt_recommends::RULE,
    &empty_continuation_line::RULE,
    &incomplete_dockerignore::RULE,
    &instruction_in_run::RULE,
    &legacy_key_value::RULE,
    &maintainer_instruction::RULE,
    &missing_dockerignore::RULE,
    &mixed_as_casing::RULE,
    &mixed_instruction_casing::RULE,
    &pip_cache::RULE,
    &root_user::RULE,
    &shell_form_cmd::RULE,
    &shell_form_entrypoint::RULE,
    &shell_form_healthcheck::RULE,
    &single_stage_build::RULE,
    &source_before_dependencies::RULE,
    &unreachable_instruction::RULE,
];
