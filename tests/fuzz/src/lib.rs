//! What the fuzz targets share: how an input is read as a model with its files and settings, what must hold of it, and how
//! one input is made of another.

#[path = "../../support/layout.rs"]
mod layout;
#[path = "../../support/models/mod.rs"]
pub mod models;
mod mutate;
mod stack;

use flowc::exec::many::{Batch, Layout, run_many};
use flowc::exec::{self, FaultKind, Outcome, Program, oracle};
use flowc::ir::{Expr, ExprId, Model};
use flowc::syntax::token::{Tok, lex};
use flowc::{Checked, MemLoader, Settings};

pub use mutate::{crossed, mutated};
pub use stack::catch_overflow;

/// An input: a model, and in its comments what it is called with, as in the cases of `tests/ui`. `// flowc: --set a=1`
/// are arguments; below `// flowc: file data/fees.csv` each `// | …` is a line of that file.
pub struct Case<'b> {
    text: &'b [u8],
    files: MemLoader,
    settings: Settings,
}

impl<'b> Case<'b> {
    /// Any bytes.
    pub fn read(text: &'b [u8]) -> Self {
        let mut case = Self { text, files: MemLoader::default(), settings: Settings::default() };
        let mut lines = text.split(|b| *b == b'\n').peekable();
        while let Some(line) = lines.next() {
            let Some(said) = line.strip_prefix(b"// flowc: ") else { continue };
            let Some(path) = said.strip_prefix(b"file ") else {
                case.argument(&String::from_utf8_lossy(said));
                continue;
            };
            let mut bytes = Vec::new();
            while let Some(line) = lines.next_if(|l| l.starts_with(b"// |")) {
                let line = &line[4..];
                bytes.extend(line.strip_prefix(b" ").unwrap_or(line));
                bytes.push(b'\n');
            }
            case.files = case.files.with(String::from_utf8_lossy(path).trim_end(), bytes);
        }
        // A file that is there whatever the input says; the first of a name is the one that is found.
        let (path, text) = models::DATA;
        case.files = case.files.with(path, text);
        case
    }

    fn argument(&mut self, said: &str) {
        let mut words = said.split_whitespace();
        while let (Some(word), Some(value)) = (words.next(), words.next()) {
            match (word, value.split_once('=')) {
                ("--set", Some((name, value))) => self.settings.values.push((name.into(), value.into())),
                ("--from", _) => self.settings.from = Some(value.into()),
                ("--to", _) => self.settings.to = Some(value.into()),
                ("--step", _) => self.settings.step = Some(value.into()),
                _ => {}
            }
        }
    }

    /// Whether an index is so large that arrays over it take seconds by right: below the language's bound, where a model is
    /// not refused, and beyond what shows a mistake.
    pub fn is_large(&self) -> bool {
        let text = String::from_utf8_lossy(self.text);
        let (tokens, mut index) = (lex(&text, 0), false);
        tokens.iter().any(|token| {
            index = if token.bol { token.tok == Tok::Word("index") } else { index };
            let Tok::Number(number) = token.tok else { return false };
            let digits = number.text[..number.digits].replace('_', "").parse::<f64>().unwrap_or(0.0);
            let value = digits
                * match number.suffix() {
                    "k" => 1e3,
                    "M" => 1e6,
                    "B" => 1e9,
                    _ => 1.0,
                };
            index && (1e3..=1e7).contains(&value)
        })
    }

    fn check(&self, text: &[u8]) -> Checked {
        flowc::check("model.flow", text, &self.files, &self.settings)
    }

    /// Checks the model: each mistake can be shown, and each edit that is offered can be made.
    pub fn survive(&self) -> Checked {
        let checked = self.check(self.text);
        for diagnostic in &checked.diagnostics {
            assert!(!flowc::cli::plain(diagnostic, &checked.sources).is_empty());
            for fix in &diagnostic.fixes {
                let place = checked.sources.locate(fix.span);
                let text = place.as_ref().and_then(|(file, at)| checked.sources.file(*file).text.get(at.clone()));
                assert!(text.is_some(), "an edit is nowhere: {fix:?}");
            }
        }
        checked
    }

    /// Lays the text out: what it says stays the same.
    pub fn keep_layout(&self, checked: &Checked) {
        let Ok(text) = std::str::from_utf8(self.text) else { return };
        layout::check_layout(text);
        let laid_out = flowc::syntax::fmt::format(text);
        assert_eq!(layout::shape(text), layout::shape(&laid_out), "the layout changes the meaning of\n{text}");
        let codes = |checked: &Checked| checked.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>();
        if checked.is_sound() {
            assert_eq!(
                codes(checked),
                codes(&self.check(laid_out.as_bytes())),
                "check says other things of\n{laid_out}"
            );
        }
    }
}

/// Limits of what is run: beyond them the oracle would take longer than fuzzing can wait.
const STEPS: u64 = 400;
const MEMBERS: usize = 40;
const EXPRESSIONS: usize = 50_000;
/// Stocks times moves: what a step looks at.
const LEGS: usize = 5_000;
/// Expressions that the oracle walks through in all steps, about.
const WALKS: u64 = 5_000_000;

/// Runs a checked model with both evaluators, if it is sound and small: they agree in every bit, the ledger balances, and
/// the results can be written. What came of it, for laws of single targets.
pub fn agree(checked: &Checked) -> Option<Outcome> {
    let steps = checked.facts.clock.as_ref()?.steps;
    let many = |id: u32| checked.model.members(flowc::hir::IndexId(id)).len() > MEMBERS;
    if !checked.is_sound() || steps > STEPS || (0..checked.model.indexes.len() as u32).any(many) {
        return None;
    }
    // Not to be lowered is no error of a model that is too large.
    let model = checked.lower().ok()?;
    let shown = model.columns.len() + model.metrics.len() + model.moves.len() + 1;
    if model.exprs.len() > EXPRESSIONS
        || model.stocks.len() * model.moves.len() > LEGS
        || walk(&model).saturating_mul(steps + 1).saturating_mul(shown as u64) > WALKS
    {
        return None;
    }
    let (fast, slow) = (Program::new(&model).run(&exec::Case::default()), oracle::run(&model, &exec::Case::default()));
    // Every field, without naming them. Of two numbers each is written in its own way, but for NaN: which of those an operation
    // gives is left open by Rust, and no result shows it.
    let (one, other) = (format!("{fast:#?}"), format!("{slow:#?}"));
    if let Some((one, other)) = one.lines().zip(other.lines()).find(|(one, other)| one != other) {
        panic!("the evaluator says {}, and the oracle {}, first of all in\n{fast:#?}", one.trim(), other.trim());
    }
    assert_eq!(one.len(), other.len(), "evaluator and oracle say more or less than each other");
    beside(&model, &fast);
    if let Some(fault) = &fast.fault {
        assert!(!matches!(fault.kind, FaultKind::Audit { .. }), "the ledger does not balance: {fault:?}");
    } else {
        let signs = model.stocks.iter().zip(&fast.stocks);
        signs.for_each(|(stock, way)| assert!(stock.signed || way.low >= 0.0, "a stock went below zero: {way:?}"));
    }
    let results = checked.results(&model, &fast);
    for text in [flowc::output::summary(&results), flowc::output::csv(&results), flowc::output::json(&results)] {
        assert!(!text.is_empty());
    }
    if let Some(failure) = &results.failure {
        assert!(!flowc::cli::plain(failure, &checked.sources).is_empty());
    }
    Some(fast)
}

/// Beside others in lanes a run comes to what it does alone.
fn beside(model: &Model, alone: &Outcome) {
    let points = [vec![0.0; model.inputs.len()]];
    let layout = Layout::default();
    let batch =
        Batch { model, points: &points, seed: 1, runs: 3, repeats: 1, luck: &[], stats: true, threads: 1, layout };
    let many = run_many(&batch, &|_| true);
    let numbers = alone.metrics.iter().chain(&alone.goals).chain(&alone.seen);
    for (number, lane) in numbers.zip(&many[0].metrics) {
        let same = number.to_bits() == lane.to_bits() || number.is_nan() && lane.is_nan();
        assert!(same, "alone a run comes to {number}, and in a lane to {lane}");
    }
}

/// How many expressions the oracle walks through for the largest of a model: it works a name out at every place that reads
/// it.
fn walk(model: &Model) -> u64 {
    let mut size = vec![1u64; model.exprs.len()];
    // Names may be read before they stand in the list, so this goes on until nothing grows.
    loop {
        let mut grown = false;
        for i in 0..size.len() {
            let sum = |ids: &[ExprId]| ids.iter().fold(1u64, |sum, e| sum.saturating_add(size[e.0 as usize]));
            let new = match model.exprs[i] {
                Expr::Let(l) => sum(&[model.lets[l as usize].value]),
                Expr::Unary(_, a) | Expr::One(_, a) | Expr::Curve(_, a) => sum(&[a]),
                Expr::Binary(_, a, b) | Expr::Two(_, a, b) => sum(&[a, b]),
                Expr::If(a, b, c) | Expr::Three(_, a, b, c) | Expr::Clock(_, [a, b, c]) => sum(&[a, b, c]),
                Expr::Many(l) => {
                    let list = &model.lists[l as usize];
                    let parts = list.items.iter().flat_map(|i| std::iter::once(i.value).chain(i.condition));
                    sum(&parts.chain(list.head).chain(list.otherwise).collect::<Vec<_>>())
                }
                Expr::Pick(p) => {
                    let pick = &model.picks[p as usize];
                    // One of them is walked through, after a search among all.
                    sum(&[pick.at, pick.otherwise]).saturating_add(sum(&pick.values))
                }
                _ => 1,
            };
            grown |= new > size[i];
            size[i] = size[i].max(new);
        }
        let largest = size.iter().copied().max().unwrap_or(1);
        if !grown || largest > WALKS {
            return largest;
        }
    }
}
