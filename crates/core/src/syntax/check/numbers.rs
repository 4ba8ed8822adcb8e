//! Numbers, times and sizes, as Go's standard library reads them.

/// Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `strconv.ParseInt` with base 10: a sign may stand in front.
pub(super) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Go's `strconv.ParseUint`: digits only.
pub(super) fn unsigned(text: &str, base: u32) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| u32::from_str_radix(text, base).ok()).flatten()
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after_whole) = digits(rest);
        let mut value: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut after = after_whole;
        let mut fraction = "";
        if let Some(behind) = after_whole.strip_prefix('.') {
            (fraction, after) = digits(behind);
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_len = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_len);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        value = value.checked_mul(unit)?;
        // A fraction's digits beyond the eighteenth are below a nanosecond of every unit.
        let mut scale = unit;
        for digit in fraction.bytes().take(18) {
            // Dividing step by step may round down a nanosecond more than Go does, which changes no verdict here.
            value = value.checked_add(u64::from(digit - b'0') * scale / 10)?;
            scale /= 10;
        }
        total = total.checked_add(value)?;
        if total > 1 << 63 {
            return None;
        }
        rest = next;
    }
    if negative {
        return Some(i64::try_from(total).map_or(i64::MIN, |total| -total));
    }
    i64::try_from(total).ok()
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A size such as `64m`, as Docker reads it: binary units, whatever the case, `b` and `ib` allowed behind.
pub(super) fn is_size(text: &str) -> bool {
    let Some(at) = text.rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' ')) else { return false };
    let number = if text[at..].starts_with(' ') { &text[..at] } else { &text[..=at] };
    let suffix = text[at + 1..].to_ascii_lowercase();
    if !number.parse::<f64>().is_ok_and(|number| number >= 0.0) {
        return false;
    }
    match suffix.as_bytes() {
        [] | [b'b'] => true,
        [unit, rest @ ..] => b"kmgtp".contains(unit) && matches!(rest, b"" | b"b" | b"ib"),
    }
}

/// A value of `--chmod`: an octal number up to 07777, or a symbolic mode such as `u=rwX,go+r`.
pub(super) fn is_mode(text: &str) -> bool {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return unsigned(text, 8).is_some_and(|mode| mode <= 0o7777);
    }
    !text.is_empty()
        && text.split(',').all(|clause| {
            let actions = clause.trim_start_matches(['a', 'u', 'g', 'o']);
            // Behind the first operator stand permissions and further operators.
            actions.starts_with(['+', '-', '='])
                && actions.bytes().all(|byte| b"+-=rstwXxugo".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        let second = 1_000_000_000;
        let cases = [
            ("30s", Some(30 * second)),
            ("1m30s", Some(90 * second)),
            ("1.5h", Some(5400 * second)),
            (".5s", Some(second / 2)),
            ("-1s", Some(-second)),
            ("+1s", Some(second)),
            ("0", Some(0)),
            ("500ms", Some(second / 2)),
            ("1\u{b5}s", Some(1000)),
            ("30", None),
            ("", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("1 s", None),
            ("30S", None),
            ("9999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_modes_and_integers() {
        for size in ["64m", "64MB", "1.5GiB", "10", "10 k", "1b"] {
            assert!(is_size(size), "{size}");
        }
        for size in ["", "m", "-1", "64x", "64mbb", "1bb", "e5"] {
            assert!(!is_size(size), "{size}");
        }
        for mode in ["755", "0755", "u=rwX,go=rX", "+x", "a-w+x", "go=u", "="] {
            assert!(is_mode(mode), "{mode}");
        }
        for mode in ["999", "0o755", "10000", "u", "rwx", "u+x,", "", "u+q", "77777777777777"] {
            assert!(!is_mode(mode), "{mode}");
        }
        assert_eq!(integer("+5"), Some(5));
        assert_eq!(integer("1_0"), None);
        assert_eq!(unsigned("+5", 10), None);
        assert_eq!(unsigned("", 10), None);
    }
}
