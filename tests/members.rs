//! Arrays against an interpreter of their own: generated expressions over members are worked out here by loops, knowing
//! nothing of the compiler, and must come to the same bits.

#[path = "support/models/mod.rs"]
#[allow(dead_code)] // Of the generator only its random numbers are wanted here.
mod models;

use std::collections::BTreeMap;

use flowc::{MemLoader, Settings};
use models::Random;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const LABELS: [&str; 4] = ["red", "green", "blue", "dark"];
/// A column of numbers and one of labels, by label.
const WEIGHT: [f64; 4] = [0.5, -2.0, 3.25, 0.0];
const NEXT: [usize; 4] = [2, 0, 3, 3];
const FEW: [usize; 2] = [2, 1];
const FIRST: i64 = -1;
const COUNT: i64 = 4;

/// The members that are bound here: labels and numbers by the depth of their names.
#[derive(Clone, Default)]
struct Scope {
    labels: Vec<(String, usize)>,
    numbers: Vec<(String, i64)>,
}

#[derive(Debug, Clone)]
enum Label {
    Fixed(usize),
    Bound(String),
    Next(Box<Label>),
}

#[derive(Debug, Clone)]
enum Number {
    Fixed(i64),
    Bound(String),
}

#[derive(Debug, Clone)]
enum Test {
    Less(Box<Expr>, Box<Expr>),
    Is(Label, usize),
    Few(Label),
    Above(Number, i64),
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
}

/// An array: its number and the places of its labels and numbers.
#[derive(Debug, Clone)]
enum Expr {
    Const(f64),
    Weight(Label),
    Number(Number),
    Element(usize, Option<Label>, Option<(Number, i64)>, Option<Box<Expr>>),
    Binary(char, Box<Expr>, Box<Expr>),
    If(Box<Test>, Box<Expr>, Box<Expr>),
    Match(Label, usize, usize, Box<Expr>, Box<Expr>),
    /// A function over labels (all or few) or numbers, with a filter and what it is over nothing.
    Over(&'static str, Domain, String, Option<Box<Test>>, Box<Expr>, Option<f64>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Domain {
    Labels,
    Few,
    Numbers,
}

struct Array {
    label: bool,
    number: bool,
    value: Expr,
}

struct Maker {
    random: Random,
    arrays: Vec<(bool, bool)>,
    names: usize,
}

impl Maker {
    fn label(&mut self, scope: &Scope) -> Label {
        match self.random.below(5) {
            0 => Label::Fixed(self.random.below(4)),
            1 => Label::Next(Box::new(Label::Fixed(self.random.below(4)))),
            _ if scope.labels.is_empty() => Label::Fixed(self.random.below(4)),
            2 => Label::Next(Box::new(self.bound_label(scope))),
            _ => self.bound_label(scope),
        }
    }

    fn bound_label(&mut self, scope: &Scope) -> Label {
        Label::Bound(scope.labels[self.random.below(scope.labels.len())].0.clone())
    }

    fn number(&mut self, scope: &Scope) -> Number {
        if scope.numbers.is_empty() || self.random.chance(30) {
            return Number::Fixed(FIRST + self.random.below(COUNT as usize) as i64);
        }
        Number::Bound(scope.numbers[self.random.below(scope.numbers.len())].0.clone())
    }

    fn test(&mut self, scope: &Scope, depth: usize) -> Test {
        match self.random.below(if depth > 2 { 4 } else { 6 }) {
            0 => Test::Is(self.label(scope), self.random.below(4)),
            1 => Test::Few(self.label(scope)),
            2 => Test::Above(self.number(scope), self.random.below(4) as i64 - 1),
            3 => Test::Less(Box::new(self.expr(scope, depth + 2)), Box::new(self.expr(scope, depth + 2))),
            4 => Test::Not(Box::new(self.test(scope, depth + 1))),
            _ => Test::Both(Box::new(self.test(scope, depth + 1)), Box::new(self.test(scope, depth + 1))),
        }
    }

    fn expr(&mut self, scope: &Scope, depth: usize) -> Expr {
        match self.random.below(if depth > 3 { 3 } else { 11 }) {
            0 => Expr::Const(self.random.below(40) as f64 / 4.0 + 0.25),
            1 => Expr::Weight(self.label(scope)),
            2 => Expr::Number(self.number(scope)),
            3 | 4 if !self.arrays.is_empty() => {
                let which = self.random.below(self.arrays.len());
                let (label, number) = self.arrays[which];
                let away = if self.random.chance(50) { 0 } else { self.random.below(5) as i64 - 2 };
                let otherwise = if number && away != 0 { Some(Box::new(self.expr(scope, depth + 2))) } else { None };
                let label = label.then(|| self.label(scope));
                Expr::Element(which, label, number.then(|| (self.number(scope), away)), otherwise)
            }
            5 => Expr::If(
                Box::new(self.test(scope, depth + 1)),
                Box::new(self.expr(scope, depth + 1)),
                Box::new(self.expr(scope, depth + 1)),
            ),
            6 => Expr::Match(
                self.label(scope),
                self.random.below(2),
                2 + self.random.below(2),
                Box::new(self.expr(scope, depth + 1)),
                Box::new(self.expr(scope, depth + 1)),
            ),
            7 | 8 => {
                let function = ["sum", "min", "max", "mean", "count", "members"][self.random.below(6)];
                let domain = [Domain::Labels, Domain::Few, Domain::Numbers][self.random.below(3)];
                self.names += 1;
                let name = format!("q{}", self.names);
                let mut inner = scope.clone();
                if domain == Domain::Numbers {
                    (0..2).for_each(|_| inner.numbers.push((name.clone(), 0)));
                } else {
                    (0..2).for_each(|_| inner.labels.push((name.clone(), 0)));
                }
                let filter = self.random.chance(50).then(|| Box::new(self.test(&inner, depth + 1)));
                let value = self.expr(&inner, depth + 1);
                let otherwise = if ["sum", "count", "members"].contains(&function) { None } else { Some(7.5) };
                Expr::Over(function, domain, name, filter, Box::new(value), otherwise)
            }
            _ => {
                let op = ['+', '-', '*'][self.random.below(3)];
                Expr::Binary(op, Box::new(self.expr(scope, depth + 1)), Box::new(self.expr(scope, depth + 1)))
            }
        }
    }
}

// As text.

fn label(l: &Label) -> String {
    match l {
        Label::Fixed(i) => LABELS[*i].into(),
        Label::Bound(name) => name.clone(),
        Label::Next(l) => format!("next[{}]", label(l)),
    }
}

fn number(n: &Number) -> String {
    match n {
        Number::Fixed(n) if *n < 0 => format!("(0 - {})", -n),
        Number::Fixed(n) => n.to_string(),
        Number::Bound(name) => name.clone(),
    }
}

fn test(t: &Test) -> String {
    match t {
        Test::Less(a, b) => format!("({} < {})", expr(a), expr(b)),
        Test::Is(l, i) => format!("({} == {})", label(l), LABELS[*i]),
        Test::Few(l) => format!("member({}, Few)", label(l)),
        Test::Above(n, m) => format!("({} > {m})", number(n)),
        Test::Not(t) => format!("(not {})", test(t)),
        Test::Both(a, b) => format!("({} and {})", test(a), test(b)),
    }
}

fn expr(e: &Expr) -> String {
    match e {
        Expr::Const(v) => format!("{v}"),
        Expr::Weight(l) => format!("weight[{}]", label(l)),
        // 0 has every unit; what is added to a plain number is plain.
        Expr::Number(n) => format!("({} + 1 - 1)", number(n)),
        Expr::Element(which, l, n, otherwise) => {
            let n = n.as_ref().map(|(n, away)| match away {
                0 => number(n),
                away if *away < 0 => format!("{} - {}", number(n), -away),
                away => format!("{} + {away}", number(n)),
            });
            let at: Vec<String> = l.iter().map(label).chain(n).collect();
            let otherwise = otherwise.as_ref().map_or(String::new(), |o| format!(" else {}", expr(o)));
            format!("x{which}[{}{otherwise}]", at.join(", "))
        }
        Expr::Binary(op, a, b) => format!("({} {op} {})", expr(a), expr(b)),
        Expr::If(c, a, b) => format!("(if {} then {} else {})", test(c), expr(a), expr(b)),
        Expr::Match(l, i, j, a, b) => {
            format!("(match {} {{ {} or {} => {}, else => {} }})", label(l), LABELS[*i], LABELS[*j], expr(a), expr(b))
        }
        Expr::Over(function, domain, name, filter, value, otherwise) => {
            let index = ["K", "Few", "N"][*domain as usize];
            let filter = filter.as_ref().map_or(String::new(), |f| format!(" where {}", test(f)));
            let otherwise = otherwise.map_or(String::new(), |o| format!(" else {o}"));
            let value = match *function {
                "count" => format!("{} > 1", expr(value)),
                "members" => name.clone(),
                _ => expr(value),
            };
            let function = if *function == "members" { "count" } else { function };
            format!("{function}({value} for {name} in {index}{filter}{otherwise})")
        }
    }
}

// As numbers.

type Values = BTreeMap<(usize, usize, i64), f64>;

fn label_of(l: &Label, scope: &Scope) -> usize {
    match l {
        Label::Fixed(i) => *i,
        Label::Bound(name) => scope.labels.iter().rfind(|(n, _)| n == name).expect("bound").1,
        Label::Next(l) => NEXT[label_of(l, scope)],
    }
}

fn number_of(n: &Number, scope: &Scope) -> i64 {
    match n {
        Number::Fixed(n) => *n,
        Number::Bound(name) => scope.numbers.iter().rfind(|(n, _)| n == name).expect("bound").1,
    }
}

fn holds(t: &Test, scope: &Scope, values: &Values) -> bool {
    match t {
        Test::Less(a, b) => value_of(a, scope, values) < value_of(b, scope, values),
        Test::Is(l, i) => label_of(l, scope) == *i,
        Test::Few(l) => FEW.contains(&label_of(l, scope)),
        Test::Above(n, m) => number_of(n, scope) > *m,
        Test::Not(t) => !holds(t, scope, values),
        Test::Both(a, b) => holds(a, scope, values) && holds(b, scope, values),
    }
}

fn value_of(e: &Expr, scope: &Scope, values: &Values) -> f64 {
    match e {
        Expr::Const(v) => *v,
        Expr::Weight(l) => WEIGHT[label_of(l, scope)],
        Expr::Number(n) => number_of(n, scope) as f64,
        Expr::Element(which, l, n, otherwise) => {
            let l = l.as_ref().map_or(0, |l| label_of(l, scope));
            let n = n.as_ref().map_or(0, |(n, away)| number_of(n, scope) + away);
            match values.get(&(*which, l, n)) {
                Some(value) => *value,
                None => value_of(otherwise.as_ref().expect("a value beyond the end"), scope, values),
            }
        }
        Expr::Binary(op, a, b) => {
            let (a, b) = (value_of(a, scope, values), value_of(b, scope, values));
            match op {
                '+' => a + b,
                '-' => a - b,
                _ => a * b,
            }
        }
        Expr::If(c, a, b) => value_of(if holds(c, scope, values) { a } else { b }, scope, values),
        Expr::Match(l, i, j, a, b) => {
            let l = label_of(l, scope);
            value_of(if l == *i || l == *j { a } else { b }, scope, values)
        }
        Expr::Over(function, domain, name, filter, value, otherwise) => {
            let mut seen = Vec::new();
            let mut one = |scope: &Scope| {
                if filter.as_ref().is_none_or(|f| holds(f, scope, values)) {
                    seen.push(value_of(value, scope, values));
                }
            };
            match domain {
                Domain::Numbers => (FIRST..FIRST + COUNT).for_each(|n| {
                    let mut inner = scope.clone();
                    inner.numbers.push((name.clone(), n));
                    one(&inner);
                }),
                domain => {
                    let members: &[usize] = if *domain == Domain::Few { &FEW } else { &[0, 1, 2, 3] };
                    members.iter().for_each(|l| {
                        let mut inner = scope.clone();
                        inner.labels.push((name.clone(), *l));
                        one(&inner);
                    });
                }
            }
            let fold = |f: fn(f64, f64) -> f64| seen.iter().copied().reduce(f);
            match *function {
                "sum" => fold(|a, b| a + b).unwrap_or(0.0),
                "members" => seen.len() as f64,
                "count" => seen.iter().filter(|v| **v > 1.0).count() as f64,
                "min" => fold(f64::min).unwrap_or(otherwise.expect("else")),
                "max" => fold(f64::max).unwrap_or(otherwise.expect("else")),
                _ => fold(|a, b| a + b).map_or(otherwise.expect("else"), |sum| sum / seen.len() as f64),
            }
        }
    }
}

fn arrays(seed: u64) -> Vec<Array> {
    let mut maker = Maker { random: Random::new(seed), arrays: Vec::new(), names: 0 };
    let mut out = Vec::new();
    for _ in 0..1 + maker.random.below(5) {
        let (label, number) = [(true, false), (false, true), (true, true)][maker.random.below(3)];
        let mut scope = Scope::default();
        if label {
            scope.labels = vec![("k".into(), 0); 3];
        }
        if number {
            scope.numbers = vec![("n".into(), 0); 3];
        }
        let value = maker.expr(&scope, 0);
        maker.arrays.push((label, number));
        out.push(Array { label, number, value });
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() })]

    #[test]
    fn arrays_are_what_loops_make_of_them(seed in any::<u64>()) {
        let arrays = arrays(seed);
        let mut text = String::from(
            "time month from 0 to 1\nindex K {\n | weight | next: K\n red | 0.5 | blue\n green | -2 | red\n blue | 3.25 | dark\n dark | 0 | dark\n}\n",
        );
        text += "index Few in K = blue, green\nindex N = -1 .. 2\n";
        text = text.replace("weight |", "weight: 1 |");
        let mut values = Values::new();
        for (i, array) in arrays.iter().enumerate() {
            let binders: Vec<&str> =
                [array.label.then_some("k in K"), array.number.then_some("n in N")].into_iter().flatten().collect();
            text += &format!("let x{i}[{}]: 1 = {}\n", binders.join(", "), expr(&array.value));
            let labels = if array.label { 0..4 } else { 0..1 };
            let mut own = Vec::new();
            for l in labels {
                for n in if array.number { FIRST..FIRST + COUNT } else { 0..1 } {
                    let mut scope = Scope::default();
                    if array.label {
                        scope.labels.push(("k".into(), l));
                    }
                    if array.number {
                        scope.numbers.push(("n".into(), n));
                    }
                    own.push(((i, l, n), value_of(&array.value, &scope, &values)));
                }
            }
            values.extend(own);
        }
        let checked = flowc::check("m.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
        let errors: Vec<String> =
            checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
        prop_assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
        let results = checked.run().expect("it runs");
        for ((i, l, n), value) in &values {
            let name = match (arrays[*i].label, arrays[*i].number) {
                (true, true) => format!("x{i}[{}, {n}]", LABELS[*l]),
                (true, false) => format!("x{i}[{}]", LABELS[*l]),
                _ => format!("x{i}[{n}]"),
            };
            let found = results.columns.iter().find(|c| c.name == name).expect("a column").values[1];
            // 0 and −0 are one number.
            prop_assert!(found == *value, "{name} is {found}, and loops say {value}\n{text}");
        }
    }
}
