//! See [`dockmend_fuzz::edits`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dockmend_fuzz::edits::check(bytes));
