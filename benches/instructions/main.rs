//! What the parts of a request cost in instructions, held against a baseline.
//!
//!     tests/run instructions [--bless] [PART…]
//!
//! Time is never the same twice; instructions are, to the digit, so a part that has become 3 % dearer is seen at once and
//! fails. For each part this program starts itself under valgrind's callgrind, which counts while the part runs, and
//! divides. `--bless` writes what was found into the baseline, a file for each rustc and target, because another
//! compiler makes other instructions. Libraries ask what the processor can do, and valgrind tells all of them of the same
//! one, wherever AVX2 is there. Another glibc has another `memcpy`: that is for the allowance.
//!
//! The profile is `dist`, what the image has: without LTO other functions are inlined.

mod around;
mod baseline;
mod callgrind;
mod heads;
#[path = "../inputs/mod.rs"]
mod inputs;
#[path = "../../tests/one_worker/mod.rs"]
#[allow(clippy::unwrap_used, reason = "a worker that cannot be had ends the measurement")]
mod one_worker;
mod parts;
mod routes;
mod whole;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};

use baseline::{Baseline, Row, Toolchain};
use parts::Part;

/// With a part's name behind it: run that part, for callgrind.
const PART: &str = "--part";
/// With an app's address behind it: be a proxy in front of it, for callgrind.
const PROXY: &str = "--proxy";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [PART, name] => run(name),
        [PROXY, app] => whole::serve(app),
        _ => measure(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("instructions: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(name: &str) -> anyhow::Result<ExitCode> {
    parts::run(parts::ALL.iter().find(|part| part.name == name).context("no such part")?);
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &[String]) -> anyhow::Result<ExitCode> {
    let bless = args.iter().any(|arg| arg == "--bless");
    let asked: Vec<&String> = args.iter().filter(|arg| *arg != "--bless").collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|word| name.contains(&**word));
    let parts: Vec<&Part> = parts::ALL.iter().filter(|part| is_asked(part.name)).collect();
    ensure!(!parts.is_empty(), "no part has {asked:?} in its name");
    ensure!(asked.is_empty() || !bless, "a baseline is blessed as a whole: --bless without names of parts");

    let records = std::env::current_exe()?.with_file_name("instructions.counts");
    std::fs::create_dir_all(&records)?;
    let counts = count(&parts, &records)?;
    let whole = if asked.is_empty() { Some(whole::count(&records)?) } else { None };
    let path = baseline_path()?;
    if bless {
        std::fs::write(&path, Baseline::of(&counts).to_string())?;
    }
    let baseline = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.parse::<Baseline>().with_context(|| path.display().to_string())?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => bail!("{}: {error}", path.display()),
    };
    let rows: Vec<Row> = counts.iter().map(|&(part, count)| Row::new(part, count, baseline.as_ref())).collect();
    print!("{}", baseline::table(&rows));
    if let Some(count) = whole {
        println!(
            "a small GET through the proxy, its worker and its log: about {count}; varies by a few, gates nothing"
        );
    }
    if baseline.is_none() {
        println!("no baseline for this rustc and target ({}): nothing gates", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let notes = baseline::notes(&rows, &records.display().to_string());
    print!("{notes}");
    Ok(if rows.iter().any(Row::fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The instructions of each part, two at a time: counting is not disturbed by company, only slow.
fn count(parts: &[&Part], records: &Path) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let next = AtomicUsize::new(0);
    let take = || -> anyhow::Result<Vec<(usize, u64)>> {
        let mut counts = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(at) else { return Ok(counts) };
            let record = callgrind::record(records, part.name);
            let total = callgrind::count(&[PART, part.name], &record, Some("*parts::counted*"), |_| Ok(()))
                .with_context(|| part.name)?;
            counts.push((at, (total + parts::TIMES / 2) / parts::TIMES));
        }
    };
    let mut counts = std::thread::scope(|scope| {
        let other = scope.spawn(take);
        let mut counts = take()?;
        counts.extend(other.join().map_err(|_| anyhow::anyhow!("a thread that counts panicked"))??);
        anyhow::Ok(counts)
    })?;
    counts.sort_unstable();
    Ok(counts.into_iter().map(|(at, count)| (parts[at].name, count)).collect())
}

fn baseline_path() -> anyhow::Result<PathBuf> {
    let rustc = Command::new("rustc").arg("-vV").output().context("rustc")?;
    let toolchain = Toolchain::of(&String::from_utf8_lossy(&rustc.stdout)).context("rustc -vV tells no version")?;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/baseline");
    Ok(dir.join(format!("{toolchain}.txt")))
}
