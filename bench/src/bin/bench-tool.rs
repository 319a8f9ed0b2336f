//! What one run of `ack-ram-tool credential-plugin get-token` costs, the whole process, with the keys in the environment:
//! time and memory, beside `/bin/true` and whatever other program is given, in turn.
//!
//! Prints figures; nothing is passed or failed by them. A program of its own, and a small one: the memory of a process that
//! has just been started begins, for getrusage(2), with that of the process that started it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use wait4::Wait4;

const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";

/// Times `ack-ram-tool credential-plugin get-token` beside other programs.
#[derive(Debug, Parser)]
struct Arguments {
    /// ack-ram-tool; given more than once, each is measured
    #[arg(required = true, value_name = "PROGRAM")]
    tools: Vec<PathBuf>,
    /// How often each one is run
    #[arg(long, default_value_t = 300)]
    runs: u32,
    /// One line of JSON: for each program, /bin/true first, its name, the microseconds of each run, and its memory in bytes
    #[arg(long)]
    json: bool,
}

/// One program and what its runs cost.
struct Measured {
    name: String,
    program: PathBuf,
    arguments: &'static [&'static str],
    times: Vec<Duration>,
    /// Bytes, the most of all runs.
    memory: u64,
}

impl Measured {
    fn run(&mut self) -> Result<(), String> {
        let failed = |reason: String| format!("{}: {reason}", self.name);
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments)
            .env_clear()
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIbench")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "a-secret-of-thirty-letters-abc")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let started = Instant::now();
        let child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let ended = child.wait4().map_err(|error| failed(error.to_string()))?;
        let time = started.elapsed();
        if !ended.status.success() {
            return Err(failed(ended.status.to_string()));
        }
        self.times.push(time);
        self.memory = self.memory.max(ended.rusage.maxrss);
        Ok(())
    }

    fn at(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let place = times.len().saturating_sub(1).saturating_mul(percent) / 100;
        times.get(place).copied().unwrap_or_default()
    }
}

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-tool: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), String> {
    let get_token: &[&str] = &["credential-plugin", "get-token", "--cluster-id", CLUSTER];
    let measured = |name: String, program: PathBuf, arguments| Measured {
        name,
        program,
        arguments,
        times: Vec::new(),
        memory: 0,
    };
    let mut all = vec![measured("/bin/true".to_owned(), PathBuf::from("/bin/true"), &[])];
    for tool in &arguments.tools {
        all.push(measured(format!("{} get-token", tool.display()), tool.clone(), get_token));
    }
    for one in &mut all {
        one.run()?;
        one.times.clear();
    }
    for _ in 0..arguments.runs {
        for one in &mut all {
            one.run()?;
        }
    }
    let written = if arguments.json { write_json(&all) } else { write_table(&all) };
    written.map_err(|error| format!("cannot write to stdout: {error}"))
}

fn write_json(all: &[Measured]) -> std::io::Result<()> {
    let one = |one: &Measured| {
        let micros: Vec<f64> = one.times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        json!({"name": one.name, "micros": micros, "memory": one.memory})
    };
    let all: Vec<_> = all.iter().map(one).collect();
    writeln!(std::io::stdout(), "{}", json!(all))
}

fn write_table(all: &[Measured]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "    min   median      p90   memory")?;
    for one in all {
        writeln!(
            stdout,
            "{:>4} µs  {:>4} µs  {:>4} µs  {:>4.1} MiB  {}",
            one.at(0).as_micros(),
            one.at(50).as_micros(),
            one.at(90).as_micros(),
            one.memory as f64 / 1024.0 / 1024.0,
            one.name
        )?;
    }
    Ok(())
}
