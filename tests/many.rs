//! `flowc run` of many runs as a process: exit codes, files, one run alone, an end before the end.

#![allow(clippy::disallowed_methods)] // Tests read files.

use std::path::Path;
use std::process::{Command, Output};

const MARKET: &str = "
unit TKN
time month from 0 to 12
param fee = 0.5% in 0% .. 5%
stock users: TKN = 10M
stock treasury: TKN = 1M
draw shock ~ normal(0, 10%) each step
flow fees: users -> treasury = fee * users / (1 month)
flow costs: treasury -> cloud = 40k TKN/month * (1 + shock)
metric treasury_end = final(treasury)
goal enough: treasury_end >= 600k TKN
scenario bear { users = 1M }
experiment fees {
  sweep fee in 0%, 1%, 2%
  compare baseline, bear
  runs 20  seed 7
}
experiment poor { sweep treasury in 100k TKN, 1M TKN; compare bear; runs 5 }
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("m.flow"), MARKET).expect("written");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, model: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
        command.args(["run", model]).args(args).current_dir(self.path());
        command
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        self.run_of("m.flow", args)
    }

    fn run_of(&self, model: &str, args: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(model, args).output().expect("flowc starts");
        (status.code().unwrap_or(-1), String::from_utf8_lossy(&stdout).into(), String::from_utf8_lossy(&stderr).into())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("the file is there")
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).expect("JSON")
    }
}

#[test]
fn exit_codes_say_what_failed() {
    let f = Folder::new();
    let (code, out, err) = f.run(&["-e", "fees"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(err, "3 points × 2 arms × 20 runs = 120 runs of 12 steps\n");
    assert!(!out.is_empty());
    // A run that fails, and a goal that is missed where that counts.
    assert_eq!(f.run(&["-e", "poor"]).0, 1);
    assert_eq!(f.run(&["-e", "fees", "--strict"]).0, 1);
    let (code, out, err) = f.run(&["-e", "fees", "-q"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    // The call is wrong.
    for args in [
        &["-e", "fes"][..],
        &["--sweep", "fe=1%"],
        &["--sweep", "fee"],
        &["--sweep", "fee=1%,,"],
        &["--sweep", "fee=6%"],
        &["--runs", "0"],
        &["--runs", "many"],
        &["--sample", "10:soboll"],
        &["--compare", "baseline,bull"],
        &["--measure", "treasury"],
        &["-e", "fees", "--set", "fee=1%"],
        &["-e", "fees", "--scenario", "bear"],
        &["-e", "fees", "-o", "runs.txt"],
        &["-e", "fees", "--stats", "stats"],
        &["-e", "fees", "--only-run", "21", "--point", "1", "--arm", "bear"],
        &["-e", "fees", "--only-run", "1", "--arm", "bear"],
        &["-e", "fees", "--only-run", "1", "--point", "4", "--arm", "bear"],
        &["-e", "fees", "--only-run", "1", "--point", "3", "--arm", "bull"],
        &["-e", "fees", "--only-run", "0"],
        &["--threads", "2"],
        &["--rows", "rows.csv"],
        &["--point", "2"],
    ] {
        let (code, out, err) = f.run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
}

#[test]
fn check_looks_at_each_model_that_an_experiment_makes() {
    let f = Folder::new();
    let model = "unit TKN\ntime month from 0 to 3\nindex Team {\n | share: 1\n a | 40%\n b | 60%\n}\n\
                 stock fund: TKN = 10\nstock paid[t in Team]: TKN = 0\n\
                 flow pay: fund -> { paid[a]: share[a]; paid[b]: share[b] } = 1 TKN/month\nmetric end = final(fund)\n\
                 experiment good { sweep share in { a: 10%; b: 90% }, { a: 50%; b: 50% } }\n";
    std::fs::write(f.path().join("m.flow"), model).expect("written");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowc"));
        let Output { status, stderr, .. } =
            command.args(["check", "m.flow"]).current_dir(f.path()).output().expect("it runs");
        (status.code(), String::from_utf8_lossy(&stderr).to_string())
    };
    assert_eq!(check(), (Some(0), String::new()));
    let model = format!("{model}experiment bad {{ sweep share[a] in 40%, 50% }}\n");
    std::fs::write(f.path().join("m.flow"), model).expect("written");
    let (code, err) = check();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("E0412") && err.contains("so it is with `-e bad`, share[a] 50%"), "{err}");
}

#[test]
fn a_run_alone_is_the_run_among_many() {
    let f = Folder::new();
    assert_eq!(f.run(&["-e", "fees", "-q", "-o", "runs.json", "--rows", "rows.csv"]).0, 0);
    let runs = f.json("runs.json");
    let name = |c: &serde_json::Value| c["name"].as_str().map(String::from);
    let columns: Vec<_> = runs["columns"].as_array().expect("columns").iter().filter_map(name).collect();
    let column = |n: &str| columns.iter().position(|c| c == n).expect("a column");
    let row = runs["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|r| r[column("run")] == 12 && r[column("point")] == 3 && r[column("arm")] == "bear")
        .expect("the run");
    let alone = ["-e", "fees", "--only-run", "12", "--point", "3", "--arm", "bear"];
    let (code, out, _) = f.run(&[&alone[..], &["-o", "one.json", "-o", "one.csv"]].concat());
    assert_eq!(code, 0);
    assert!(out.contains("point 3, fee 2%; arm bear; run 12 of seed 7"), "{out}");
    let one = f.json("one.json");
    assert_eq!(one["metrics"][0]["value"], row[column("treasury_end")]);
    assert_eq!((&one["seed"], &one["run"], &one["scenario"]), (&7.into(), &12.into(), &"bear".into()));
    // All its rows, too.
    let treasury = |file: &str, which: &[(&str, &str)]| -> Vec<String> {
        let text = f.read(file);
        let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
        let cell = |line: &str, name: &str| {
            let at = header.iter().position(|h| *h == name).expect("a column");
            line.split(',').nth(at).expect("a cell").to_string()
        };
        let mine = |line: &&str| which.iter().all(|(name, value)| cell(line, name) == *value);
        text.lines().skip(1).filter(mine).map(|line| cell(line, "treasury")).collect()
    };
    let among = treasury("rows.csv", &[("run", "12"), ("point", "3"), ("arm", "bear")]);
    assert_eq!((among.len(), among), (13, treasury("one.csv", &[("run", "12"), ("subset", "2"), ("simulation", "1")])));
}

#[test]
fn seed_and_number_choose_a_plain_run() {
    let f = Folder::new();
    let end = |args: &[&str]| {
        assert_eq!(f.run(&[args, &["-q", "-o", "one.json"]].concat()).0, 0);
        f.json("one.json")["metrics"][0]["value"].clone()
    };
    assert_eq!(end(&[]), end(&["--seed", "1", "--only-run", "1"]));
    assert_ne!(end(&[]), end(&["--seed", "2"]));
    assert_ne!(end(&[]), end(&["--only-run", "2"]));
    assert_eq!(end(&["--seed", "7", "--only-run", "3"]), end(&["--runs", "5", "--seed", "7", "--only-run", "3"]));
    let (_, out, _) = f.run(&["--seed", "9"]);
    assert!(out.contains("run 1 of seed 9"), "{out}");
}

#[test]
fn a_failure_is_replayed_by_its_command() {
    let f = Folder::new();
    let (code, _, err) = f.run(&["-e", "poor", "--point", "1", "--only-run", "4"]);
    assert_eq!(code, 1);
    let replay = err.lines().find_map(|l| l.trim().strip_prefix("replay: flowc run m.flow ")).expect("a command");
    assert_eq!(replay, "-e poor --point 1 --seed 1 --only-run 4");
    assert!(err.contains("of run 4"), "{err}");
    let again: Vec<&str> = replay.split(' ').collect();
    assert_eq!(f.run(&again), (code, f.run(&again).1, err.clone()));
}

#[test]
fn files_do_not_hang_on_threads_and_have_a_manifest() {
    let f = Folder::new();
    for threads in ["1", "3"] {
        let (runs, stats) = (format!("runs{threads}.csv"), format!("stats{threads}.csv"));
        let args = ["-e", "fees", "-q", "--threads", threads, "-o", &runs, "--stats", &stats];
        assert_eq!(f.run(&args).0, 0);
    }
    assert_eq!(f.read("runs1.csv"), f.read("runs3.csv"));
    assert_eq!(f.read("stats1.csv"), f.read("stats3.csv"));
    assert_eq!(f.read("runs1.csv").lines().count(), 1 + 120);
    let manifest = f.json("runs1.csv.manifest.json");
    let told = (&manifest["seed"], &manifest["experiment"], &manifest["whole"], &manifest["runs made"]);
    assert_eq!(told, (&7.into(), &"fees".into(), &true.into(), &120.into()));
}

#[cfg(unix)]
#[test]
fn an_interrupted_experiment_leaves_what_was_done() {
    let f = Folder::new();
    let args = ["--runs", "1000000", "--to", "6000", "--set", "users=1B", "--set", "fee=1%", "--threads", "1"];
    let child = f
        .command("m.flow", &[&args[..], &["-o", "runs.csv"]].concat())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("flowc starts");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("a signal is sent").success());
    let Output { status, stderr, .. } = child.wait_with_output().expect("flowc ends");
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("flowc: interrupted: ") && stderr.contains(" of 1,000,000 runs were made"), "{stderr}");
    let manifest = f.json("runs.csv.manifest.json");
    assert_eq!(manifest["whole"], false);
    let rows = f.read("runs.csv").lines().count() as u64 - 1;
    assert_eq!(manifest["runs made"], rows);
    assert!(rows < 1_000_000);
    // Nothing is left beside the files.
    let names: Vec<_> = std::fs::read_dir(f.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

/// What members have, of one run and of many, as files of a process.
#[test]
fn members_are_written_for_who_asks() {
    let f = Folder::new();
    let shops = "time month from 0 to 12\nrecord every 6 month\nentity Shop {\n  trait size ~ uniform(0, 1)\n  state sales = 0 next sales + size\n}\nspawn Shop: 3 initially\nspawn Shop: 1\nlet all = sum(Shop.sales)\nmetric total = final(all)\n";
    std::fs::write(f.path().join("shops.flow"), shops).expect("written");
    let run = |args: &[&str]| f.run_of("shops.flow", args);
    let (code, _, err) = run(&["-q", "--members", "m.csv"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let one = f.read("m.csv");
    // Three, nine and fifteen are there in the rows that are kept.
    assert_eq!(one.lines().count(), 1 + 3 + 9 + 15);
    assert_eq!(f.json("m.csv.manifest.json")["model"], "shops.flow");
    let (code, _, err) =
        run(&["-q", "--members", "m.json", "--where", "Shop: sales > 1", "--where", "Shop: number < 2"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let told = f.json("m.json");
    assert!(told["rows"].as_array().expect("rows").iter().all(|r| r[7].as_u64() < Some(2)), "{told}");
    assert_eq!(told["manifest"]["settings"][0]["option"], "--where");
    // Run 3 of many is that run alone.
    for threads in ["1", "3"] {
        let file = format!("many{threads}.csv");
        assert_eq!(run(&["-q", "--runs", "5", "--threads", threads, "--members", &file]).0, 0);
    }
    assert_eq!(f.read("many1.csv"), f.read("many3.csv"));
    assert_eq!(run(&["-q", "--only-run", "3", "--members", "alone.csv"]).0, 0);
    let without_key = |line: &str| line.replacen(",1,baseline,", ",", 1);
    let third: Vec<String> = f.read("many1.csv").lines().filter(|l| l.starts_with("0,0,3,")).map(without_key).collect();
    assert_eq!(third, f.read("alone.csv").lines().skip(1).collect::<Vec<_>>());
    // The call is wrong, and nothing is written.
    for args in [
        &["--where", "Shop: sales > 1"][..],
        &["--members", "no.txt"],
        &["--members", "no.csv", "--where", "sales > 1"],
        &["--members", "no.csv", "--where", "Shop: sales > 1 month"],
        &["--members", "no.csv", "--where", "Shop: price > 1"],
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
    assert_eq!(f.run(&["--members", "no.csv"]).0, 2);
    assert!(!f.path().join("no.csv").exists());
}
