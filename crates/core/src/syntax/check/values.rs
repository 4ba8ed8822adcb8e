//! Ports and signals.

use core::net::IpAddr;

use super::{nearest, numbers};

/// Why a word of EXPOSE is no port. It may have the form `address:port:port/protocol`, with ranges for the ports.
pub(super) fn port_problem(word: &str) -> Option<(String, Option<String>)> {
    let (rest, protocol) = match word.rsplit_once(':') {
        Some((before, last)) => match last.split_once('/') {
            Some((port, protocol)) => (Some((before, port)), protocol),
            None => (Some((before, last)), ""),
        },
        None => (None, word.split_once('/').map_or("", |(_, protocol)| protocol)),
    };
    let (before, container) = match rest {
        Some((before, port)) => (before, port),
        None => ("", word.split('/').next().unwrap_or(word)),
    };
    if container.is_empty() {
        return Some((format!("{word:?} has no port"), None));
    }
    if !matches!(protocol.to_lowercase().as_str(), "" | "tcp" | "udp" | "sctp") {
        let near = nearest::nearest(&protocol.to_lowercase(), &["tcp", "udp", "sctp"]);
        let suggestion = near.and_then(|near| Some(format!("{}{near}", word.strip_suffix(protocol)?)));
        return Some((format!("{protocol:?} is no protocol; there are tcp, udp and sctp"), suggestion));
    }
    let (address, host) = before.rsplit_once(':').unwrap_or(("", before));
    let bare = match address.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').unwrap_or("["),
        None => address,
    };
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Some((format!("{address:?} is no IP address"), None));
    }
    let Some((first, last)) = range(container) else {
        let suggestion = container.strip_prefix(['$', ',']).or_else(|| container.strip_suffix([',', ';']));
        let suggestion =
            suggestion.filter(|port| range(port).is_some()).map(|port| word.replacen(container, port, 1));
        return Some((format!("{container:?} is no port; a port is a number up to 65535"), suggestion));
    };
    if host.is_empty() {
        return None;
    }
    let Some((host_first, host_last)) = range(host) else {
        return Some((format!("{host:?} is no port; a port is a number up to 65535"), None));
    };
    let differs = last - first != host_last - host_first && first != last;
    differs.then(|| (format!("the ranges {host} and {container} differ in length"), None))
}

/// A port, or two with a `-` between them.
fn range(text: &str) -> Option<(i64, i64)> {
    let port = |text: &str| numbers::integer(text).filter(|port| (0..=65535).contains(port));
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)),
        Some((first, last)) if first == last => port(first).map(|port| (port, port)),
        Some((first, last)) => Some((port(first)?, port(last)?)).filter(|(first, last)| first <= last),
    }
}

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Why a word is no signal.
pub(super) fn signal_problem(word: &str) -> Option<(String, Option<String>)> {
    if let Some(number) = numbers::integer(word) {
        return (number == 0).then(|| ("0 is no signal".to_owned(), None));
    }
    let upper = word.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix: &str, last: i64| {
        let offset = name.strip_prefix(prefix)?;
        let number: i64 = offset.parse().ok()?;
        Some((1..=last).contains(&number) && number.to_string() == offset)
    };
    if SIGNALS.contains(&name)
        || real_time("RTMIN+", 15) == Some(true)
        || real_time("RTMAX-", 14) == Some(true)
    {
        return None;
    }
    Some((format!("{word:?} is no signal"), nearest::nearest(name, SIGNALS).map(|near| format!("SIG{near}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        for port in [
            "80",
            "80/tcp",
            "80/UDP",
            "80/",
            "8000-9000",
            "8080:80",
            "127.0.0.1:8080:80/tcp",
            "[::1]:80:80",
            "::1:80:80",
            "0",
            "+80",
            "80-80",
            "8000-8001:80",
            ":80",
            "a:b:80".trim_start_matches("a:b:"),
        ] {
            assert_eq!(port_problem(port), None, "{port}");
        }
        for port in [
            "http",
            "80/http",
            "/tcp",
            "",
            "70000",
            "9000-8000",
            "-5",
            "80,81",
            "x:80",
            "1.2.3:1:2",
            "80:",
            "1-2:1-3",
            "80/tcp/udp",
            "[::1:80:80",
        ] {
            assert!(port_problem(port).is_some(), "{port}");
        }
        assert_eq!(port_problem("80/tpc").unwrap().1.as_deref(), Some("80/tcp"));
        assert_eq!(port_problem("80,").unwrap().1.as_deref(), Some("80"));
    }

    #[test]
    fn signals() {
        for signal in ["SIGTERM", "term", "9", "-1", "SIGRTMIN+15", "rtmax-14", "+9"] {
            assert_eq!(signal_problem(signal), None, "{signal}");
        }
        for signal in ["0", "", "SIGFOO", "SIGRTMIN+16", "SIGRTMIN+01", "SIG"] {
            assert!(signal_problem(signal).is_some(), "{signal}");
        }
        assert_eq!(signal_problem("SIGTREM").unwrap().1.as_deref(), Some("SIGTERM"));
    }
}
