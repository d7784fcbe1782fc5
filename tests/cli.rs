//! The command line as a process: exit codes, streams, files.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const GOOD: &str = "time month from 0 to 3\nunit TKN\nparam pay_rate = 1 TKN/month in 0 .. 9\nstock a: TKN = 10\nstock b: TKN = 0\nflow pay: a -> b = pay_rate\nconserve TKN = 10\nmetric end = final(b)\n";
const DRY: &str = "time month from 0 to 3\nunit TKN\nstock a: TKN = 2\nflow pay: a -> cloud = 1 TKN/month\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn flowc(&self, args: &[&str]) -> (i32, String, String) {
        self.with_input(args, "")
    }

    fn with_input(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flowc"))
            .args(args)
            .current_dir(self.path())
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowc starts");
        // A command that does not read its input closes it; that is not what is tested here.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().expect("flowc ends");
        (status.code().unwrap_or(-1), String::from_utf8_lossy(&stdout).into(), String::from_utf8_lossy(&stderr).into())
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("the file is there")
    }
}

#[test]
fn exit_codes_say_who_is_wrong() {
    let same = format!("{GOOD}expect b within 0 of \"ref.csv\"\n");
    let f = Folder::new(&[
        ("good.flow", GOOD),
        ("dry.flow", &format!("{DRY}expect a within 0 of \"ref.csv\"\n")),
        ("bad.flow", "let x = y\n"),
        ("same.flow", &same),
        ("off.flow", &same.replace("= 1 TKN/month", "= 2 TKN/month")),
        ("ref.csv", "month,b\n0,0\n1,1\n3,3\n"),
    ]);
    for (args, code) in [
        (&["check", "good.flow"][..], 0),
        (&["check", "good.flow", "bad.flow"], 1),
        (&["run", "good.flow"], 0),
        (&["run", "dry.flow"], 1),
        (&["run", "bad.flow"], 1),
        (&["run", "missing.flow"], 2),
        (&["run", "good.flow", "-o", "x.txt"], 2),
        (&["run", "good.flow", "-o", "no/folder/x.csv"], 2),
        (&["run", "good.flow", "--set", "pay=2"], 2),
        (&["run", "good.flow", "--set", "pay_rate=2 USD/month"], 2),
        (&["run", "good.flow", "--set", "pay_rate=5K"], 2),
        (&["run", "good.flow", "--set", "pay_rate"], 2),
        (&["run", "good.flow", "--set", "pay_rate=99"], 2),
        (&["run", "good.flow", "--set", "pay_rate=2"], 0),
        (&["run", "good.flow", "--to", "1 quarter"], 0),
        (&["run", "good.flow", "--to", "1 year"], 1),
        (&["run", "good.flow", "--to", "2.5"], 2),
        (&["run", "good.flow", "--step", "0.25"], 0),
        (&["test", "good.flow"], 0),
        (&["test", "same.flow"], 0),
        (&["test", "same.flow", "good.flow", "off.flow"], 1),
        (&["test", "dry.flow"], 1),
        (&["test", "bad.flow", "missing.flow"], 2),
        (&["test", "same.flow", "--set", "pay_rate=99"], 2),
        (&["test"], 2),
        (&["run"], 2),
        (&["frobnicate"], 2),
        (&["explain"], 0),
        (&["explain", "e0301"], 0),
        (&["explain", "E9999"], 2),
        (&["--version"], 0),
        (&["--help"], 0),
        (&["completions", "bash"], 0),
    ] {
        let (status, out, err) = f.flowc(args);
        assert_eq!(status, code, "{args:?}\n{out}\n{err}");
        if code != 0 && !out.contains("  off  ") {
            assert!(!err.is_empty(), "{args:?} says nothing");
        }
    }
}

#[test]
fn results_are_written_and_read_back_exactly() {
    let f = Folder::new(&[("good.flow", GOOD)]);
    let (code, out, err) = f.flowc(&["run", "good.flow", "--set", "pay_rate=0.1", "-o", "r.csv", "-o", "r.json", "-q"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let csv = f.read("r.csv");
    assert!(
        csv.starts_with(
            "simulation,subset,run,substep,timestep,time,a,b,pay\n0,0,1,0,0,0,10,0,0.1\n0,0,1,1,1,1,9.9,0.1,0.1\n"
        ),
        "{csv}"
    );
    let json: serde_json::Value = serde_json::from_str(&f.read("r.json")).expect("JSON");
    assert_eq!(json["manifest"]["settings"][0]["value"], "pay_rate=0.1");
    assert_eq!(json["manifest"]["sha256"].as_str().map(str::len), Some(64));
    let read: Vec<f64> =
        csv.lines().skip(1).map(|l| l.split(',').nth(7).expect("b").parse().expect("a number")).collect();
    let exact: Vec<f64> = json["columns"][1]["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|v| v.as_f64().expect("a number"))
        .collect();
    assert_eq!(read, exact);
    assert_eq!(exact[3], 0.1 + 0.1 + 0.1);
}

#[test]
fn a_failed_run_keeps_its_rows_and_no_file_is_ever_half() {
    let f = Folder::new(&[("dry.flow", DRY)]);
    let (code, _, err) = f.flowc(&["run", "dry.flow", "-o", "r.csv"]);
    assert_eq!(code, 1);
    assert!(err.contains("E0901") && err.contains("replay: flowc run dry.flow"), "{err}");
    assert_eq!(f.read("r.csv").lines().count(), 4);
    let left: Vec<_> = std::fs::read_dir(f.path()).expect("folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // A folder cannot be replaced by a file: nothing is written, and the old thing stays.
    std::fs::create_dir(f.path().join("d.csv")).expect("folder");
    assert_eq!(f.flowc(&["run", "dry.flow", "-o", "d.csv"]).0, 2);
    assert!(f.path().join("d.csv").is_dir());
}

#[test]
fn standard_input_is_a_file_called_minus() {
    let f = Folder::new(&[]);
    let (code, out, _) = f.with_input(&["run", "-"], GOOD);
    assert_eq!(code, 0);
    assert!(out.contains("end              3 TKN"), "{out}");
    let (code, out, _) = f.with_input(&["fmt", "-"], "let   x=1\n\n\n\nlet y  = x");
    assert_eq!((code, out.as_str()), (0, "let x = 1\n\nlet y = x\n"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let f = Folder::new(&[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowc"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir(f.path())
        .spawn()
        .expect("flowc starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("flowc ends");
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let f = Folder::new(&[("bad.flow", "let x = y\n")]);
    assert!(!f.flowc(&["check", "bad.flow"]).2.contains('\x1b'));
    assert!(f.flowc(&["--color", "always", "check", "bad.flow"]).2.contains('\x1b'));
    assert!(!f.flowc(&["--color", "never", "check", "bad.flow"]).2.contains('\x1b'));
}

#[test]
fn messages_can_be_json_lines() {
    let f = Folder::new(&[("bad.flow", "let x = y\nlet z = w\n")]);
    let (code, out, err) = f.flowc(&["--message-format", "json", "check", "bad.flow"]);
    assert_eq!((code, out.as_str()), (1, ""));
    let lines: Vec<serde_json::Value> = err.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["code"], "E0101");
    assert_eq!((&lines[1]["labels"][0]["at"]["line"], &lines[1]["labels"][0]["at"]["column"]), (&2.into(), &9.into()));
}

#[test]
fn each_scenario_is_checked_as_it_would_run() {
    let model = "unit TKN\ntime month from 0 to 2\nstock a: TKN = 10\nstock b: TKN = 0\n\
        flow pay: a -> b = 1 TKN/month\nconserve TKN = 10\nscenario poor { a = 5 }\nscenario same { b = 0 }\n";
    let f = Folder::new(&[("m.flow", model)]);
    let (code, _, err) = f.flowc(&["check", "m.flow"]);
    assert_eq!(code, 1);
    assert!(err.contains("E0405") && err.contains("so it is with `--scenario poor`"), "{err}");
    assert_eq!(f.flowc(&["run", "-q", "m.flow", "--scenario", "same"]).0, 0);
    assert_eq!(f.flowc(&["run", "-q", "m.flow", "--scenario", "baseline"]).0, 0);
}

#[test]
fn a_test_says_what_agrees_and_what_does_not() {
    let expects = "expect b within 1e-6 of \"ref.csv\" column b\nexpect a within 1% of \"ref.csv\" column a\n";
    let f = Folder::new(&[
        ("m.flow", &format!("{GOOD}{expects}")),
        ("ref.csv", "month,a,b\n0,10,0\n1,9,1.0000001\n2,7.5,2\n"),
        ("good.flow", GOOD),
    ]);
    let (code, out, err) = f.flowc(&["test", "good.flow", "m.flow"]);
    let wanted = "good.flow: nothing is expected of it\nm.flow\n  \
        ok   b within 1e-6: 3 rows, largest difference 1e-7 TKN at month 1\n  \
        off  a within 1%: 1 of 3 rows,
\x20      the first at month 2: 8 TKN here, 7.5 there (ref.csv, line 4)\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, wanted, ""));
    let (code, out, _) = f.flowc(&["--message-format", "json", "test", "good.flow", "m.flow"]);
    let lines: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((code, lines.len()), (1, 2));
    assert_eq!((&lines[0]["verdict"], &lines[0]["rows"]), (&"ok".into(), &3.into()));
    assert_eq!((&lines[1]["expect"], &lines[1]["first"]["line"]), (&"a within 1%".into(), &4.into()));
}

#[test]
fn fmt_changes_files_and_check_only_looks() {
    let f = Folder::new(&[("a.flow", "let   x=1\n"), ("b.flow", "let x = 1\n"), ("bad.flow", "let = =\n")]);
    let (code, out, _) = f.flowc(&["fmt", "--check", "a.flow", "b.flow"]);
    assert_eq!((code, out.as_str()), (1, "a.flow would change\n"));
    assert_eq!(f.read("a.flow"), "let   x=1\n");
    assert_eq!(f.flowc(&["fmt", "a.flow", "b.flow"]).0, 0);
    assert_eq!(f.read("a.flow"), "let x = 1\n");
    assert_eq!(f.flowc(&["fmt", "bad.flow"]).0, 1);
    assert_eq!(f.read("bad.flow"), "let = =\n");
}

#[test]
fn a_new_model_checks_runs_and_is_laid_out() {
    let f = Folder::new(&[]);
    assert_eq!(f.flowc(&["new", "mine"]).0, 0);
    for args in [&["check", "mine.flow"][..], &["run", "mine.flow"], &["fmt", "--check", "mine.flow"]] {
        let (code, _, err) = f.flowc(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    }
    let (code, _, err) = f.flowc(&["new", "mine.flow"]);
    assert_eq!(code, 2);
    assert!(err.contains("already there"), "{err}");
}

#[test]
fn models_use_files_of_their_folder_only() {
    let f = Folder::new(&[
        ("tokens.flow", "unit TKN\n"),
        (
            "main.flow",
            "use \"tokens.flow\"\nuse \"std/si\"\ntime month from 0 to 1\nstock a: TKN = 1\nstock v: L = 2\nflow x: a -> cloud = 1 TKN/month\nflow y: v -> cloud = 1 L/month\n",
        ),
        ("out.flow", "use \"../secret.flow\"\n"),
        ("gone.flow", "use \"gone_too.flow\"\n"),
        ("loop.flow", "use \"loop2.flow\"\n"),
        ("loop2.flow", "use \"loop.flow\"\n"),
    ]);
    assert_eq!(f.flowc(&["check", "main.flow"]).0, 0);
    for (file, code) in [("out.flow", "E0105"), ("gone.flow", "E0105"), ("loop.flow", "E0106")] {
        let (status, _, err) = f.flowc(&["check", file]);
        assert_eq!(status, 1);
        assert_eq!(err.matches("E01").count(), 1, "{err}");
        assert!(err.contains(code), "{err}");
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let f = Folder::new(&[]);
    assert_eq!(f.flowc(&["man", "."]).0, 0);
    for page in
        ["flowc.1", "flowc-run.1", "flowc-test.1", "flowc-check.1", "flowc-fmt.1", "flowc-explain.1", "flowc-new.1"]
    {
        assert!(f.read(page).contains(".TH"), "{page}");
    }
}
