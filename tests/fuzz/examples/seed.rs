//! Writes the corpus that fuzzing starts from: every model of this repository, sentences of its grammar, and models of the
//! generator; and a dictionary of the words of the language.

#[path = "../../support/ebnf.rs"]
#[allow(dead_code)] // Of the grammar only its sentences are wanted here.
mod ebnf;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ebnf::{Generator, Grammar, render};
use flowc::syntax::token::{CLAUSES, DECLARATIONS, OWNED, RESERVED};
use flowc_fuzz::models::{self, Kind, Random};

const KIND: Kind = Kind { jumps: true, failures: true, order: true, exact: false, lives: false, closed: false, phases: None };

/// Files by path, for models to use.
type Files = BTreeMap<String, String>;

fn main() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut seeds = models_of(&repository);
    for seed in 0..200 {
        seeds.push((format!("generated-{seed}"), models::model(seed, KIND).text()));
    }
    write(&corpus.join("run"), &seeds);
    let grammar = Grammar::read(&read(&repository.join("grammar/flow.ebnf")));
    let mut sentences = Generator::new(&grammar, 1);
    for i in 0..300 {
        let mut text = String::new();
        for _ in 0..1 + i % 6 {
            let words = sentences.sentence("decl", 5 + i % 40);
            text += &render(&words, &mut sentences.random);
            text += "\n";
        }
        seeds.push((format!("sentence-{i}"), text));
    }
    write(&corpus.join("check"), &seeds);
    let mut random = Random::new(1);
    let choices: Vec<(String, Vec<u8>)> = (0..100)
        .map(|i| (format!("choices-{i}"), (0..10 + 10 * i).map(|_| random.below(256) as u8).collect()))
        .collect();
    write(&corpus.join("models"), &choices);
    fs::write(corpus.join("words.dict"), dictionary()).expect("the dictionary can be written");
    println!("{} models, {} lists of choices", seeds.len(), choices.len());
}

fn write(folder: &Path, seeds: &[(String, impl AsRef<[u8]>)]) {
    fs::create_dir_all(folder).expect("a folder can be made");
    for (name, text) in seeds {
        fs::write(folder.join(name), text).expect("a seed can be written");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files below a folder, in order.
fn below(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder can be read").map(|e| e.expect("an entry can be read").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            below(&path, ending, out);
        } else if path.extension().is_some_and(|e| e == ending) {
            out.push(path);
        }
    }
}

/// The models of examples, of cases, of the prelude, of the book and of the pages that explain mistakes. Each with the files
/// that it names, in comments, as a case has them.
fn models_of(repository: &Path) -> Vec<(String, String)> {
    let (mut flows, mut pages, mut data) = (Vec::new(), vec![repository.join("README.md")], Vec::new());
    for folder in ["examples", "tests/ui", "src"] {
        below(&repository.join(folder), "flow", &mut flows);
    }
    for folder in ["grammar", "src/diag/explain"] {
        below(&repository.join(folder), "md", &mut pages);
    }
    below(&repository.join("examples/data"), "csv", &mut data);
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = |path: &Path| path.strip_prefix(repository).unwrap_or(path).to_string_lossy().replace(['/', '.'], "-");
    let data: Files = data.iter().map(|path| (format!("data/{}", name(path)), read(path))).collect();
    let mut models = Vec::new();
    for path in &flows {
        // Models that a case uses stand in the folder of its name.
        let mut beside = Vec::new();
        if path.with_extension("").is_dir() {
            below(&path.with_extension(""), "flow", &mut beside);
        }
        let mut files = data.clone();
        files.extend(beside.iter().map(|p| (name(p), read(p))));
        models.push((shown(path), with_files(&read(path), &files)));
    }
    for path in &pages {
        let mut files = Files::new();
        for (i, (info, text)) in blocks(&read(path)).into_iter().enumerate() {
            let called = text.lines().next().and_then(|l| l.strip_prefix("// file: ")).map(str::trim);
            if let Some(name) = info.strip_prefix("csv ").or(called) {
                files.insert(name.trim().into(), text.clone());
            }
            if info.starts_with("flow") {
                models.push((format!("{}-{i}", shown(path)), with_files(&text, &files)));
            }
        }
    }
    models
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<(String, String)> {
    let (mut all, mut open) = (Vec::new(), None::<(String, String)>);
    for line in page.lines() {
        open = match (line.strip_prefix("```"), open) {
            (Some(""), Some(block)) => {
                all.push(block);
                None
            }
            (Some(info), None) => Some((info.into(), String::new())),
            (_, block) => block.map(|(info, text)| (info, format!("{text}{line}\n"))),
        };
    }
    all
}

fn with_files(text: &str, files: &Files) -> String {
    let (mut out, mut used) = (text.to_string(), BTreeSet::new());
    // A file may name others.
    while let Some((path, file)) =
        files.iter().find(|(path, _)| !used.contains(*path) && out.contains(&format!("\"{path}\"")))
    {
        used.insert(path.clone());
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("// flowc: file {path}\n"));
        file.lines().for_each(|line| out.push_str(&format!("// | {line}\n")));
    }
    out
}

fn dictionary() -> String {
    let words = [DECLARATIONS, CLAUSES, RESERVED, OWNED].concat().into_iter();
    let signs = ["->", "<->", "=>", "<=", ">=", "==", "!=", "..", "@2026-01-31", "// flowc: file ", "// | ", "\\x0a"];
    let all = words.chain(flowc::builtins::all().iter().map(|b| b.name())).chain(signs);
    all.map(|word| format!("\"{word}\"\n")).collect()
}
