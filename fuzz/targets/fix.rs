//! See [`dockmend_fuzz::fix`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        dockmend_fuzz::fix::check(text);
    }
});
