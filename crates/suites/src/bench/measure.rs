//! Processor time and memory, as Linux tells them in `/proc`.

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The processor time that this thread has taken.
fn taken() -> Result<Duration> {
    // A thread's time is counted when it leaves the processor.
    std::thread::yield_now();
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").context("only Linux can be measured")?;
    let nanos = text.split_whitespace().next().context("an empty schedstat")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

/// The processor time of `work` in this thread.
pub(super) fn once(work: impl FnOnce()) -> Result<Duration> {
    let before = taken()?;
    work();
    Ok(taken()?.saturating_sub(before))
}

/// The least processor time of `times` runs.
pub(super) fn least(times: usize, mut work: impl FnMut()) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..times {
        least = least.min(once(&mut work)?);
    }
    Ok(least)
}

/// What a program took: processor time for each run, and the most memory that it held.
pub(super) struct Taken {
    pub(super) time: Duration,
    pub(super) kilobytes: u64,
}

/// Runs a program `times` times and returns its processor time a run. A process of ours stands in between, so that no
/// other child is counted.
pub(super) fn program(times: usize, command: &[&std::ffi::OsStr]) -> Result<Taken> {
    let ours = std::env::current_exe()?;
    let output = Command::new(ours)
        .args(["bench", "--child"])
        .arg(times.to_string())
        .args(command)
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(micros)), Some(Ok(kilobytes))) = (numbers.next(), numbers.next()) else {
        bail!("{command:?} could not be measured");
    };
    Ok(Taken { time: Duration::from_micros(micros), kilobytes })
}

/// The process in between: `TIMES PROGRAM ARGUMENTS...`. Prints microseconds a run and kilobytes.
pub(super) fn child(arguments: &[String]) -> Result<ExitCode> {
    let (times, command) = arguments.split_first().context("no number")?;
    let times: u32 = times.parse()?;
    let (program, arguments) = command.split_first().context("no program")?;
    let mut kilobytes = 0;
    for _ in 0..times {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let status = format!("/proc/{}/status", child.id());
        // The peak never falls, so the last look before the end is the one that counts.
        while child.try_wait()?.is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kilobytes = kilobytes.max(now.unwrap_or(0));
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    println!("{} {kilobytes}", children()?.as_micros() / u128::from(times.max(1)));
    Ok(ExitCode::SUCCESS)
}

/// The processor time of all children that have ended.
///
/// Source: proc(5), `/proc/pid/stat`: fields 16 and 17, in ticks, of which Linux has 100 a second.
fn children() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').context("an odd stat")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().unwrap_or(0));
    Ok(Duration::from_millis(ticks.sum::<u64>() * 10))
}

/// The machine in general terms.
pub(super) fn machine() -> Result<String> {
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let name = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|line| line.split_once(':')).map_or("a processor", |(_, name)| name.trim());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!("{name}, {count} threads"))
}
