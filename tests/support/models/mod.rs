//! Generates models: right by construction, of every construct that an evaluator can meet.
//!
//! A model is generated in an order in which it can be worked out: what is read is there already. It is a list of
//! declarations, so that their order can be changed, and knows between which stocks it moves what, so that the ledger can be
//! added up without asking the compiler.

mod expr;
mod lives;
mod luck;
mod moves;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Write;

use flowc::Settings;

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for tests, and the same everywhere. Or choices that are given.
pub struct Random {
    state: u64,
    choices: Option<std::vec::IntoIter<u8>>,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, choices: None }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        if let Some(choices) = &mut self.choices {
            // One byte where it is enough, so that a change of it changes one choice; 0 when they are used up.
            let mut byte = || choices.next().map_or(0, usize::from);
            let chosen = if n <= 256 { byte() } else { 256 * byte() + byte() };
            return chosen % n.max(1);
        }
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Which constructs a model may have.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Conditions, rounding and skips: where a last bit may decide between two ways.
    pub jumps: bool,
    /// Flows that may find too little or run backward, splits that do not add up, asserts.
    pub failures: bool,
    /// Moves of one source that are served in the order of their declarations.
    pub order: bool,
    /// What moves is a multiple of a power of two, so that sums are the same in any order.
    pub exact: bool,
    /// Entities.
    pub lives: bool,
    /// Nothing crosses the boundary.
    pub closed: bool,
    /// How many phases; otherwise none to three.
    pub phases: Option<usize>,
}

/// The file that generated models read.
pub const DATA: (&str, &str) = ("seen.csv", "time,seen\n-1,3\n0.5,-2\n2,4.5\n7,1\n99,2\n");

const PHASES: [&str; 3] = ["dawn", "noon", "dusk"];
const K: [&str; 3] = ["red", "green", "blue"];

#[derive(Clone)]
struct Decl {
    phase: Option<usize>,
    text: String,
    /// How it reads where there are no phases, if that differs.
    flat: Option<String>,
}

/// How much of what moves a part gets.
#[derive(Clone, Debug)]
pub enum Size {
    /// What the others leave.
    Rest,
    /// A share.
    Share(f64),
    /// The share in this column.
    Column(String),
    /// As much as the column of this number has of all of these.
    Of(usize, Vec<String>),
}

/// A move of one member between stocks, all by the names of their columns.
#[derive(Clone, Debug)]
pub struct Edge {
    pub column: String,
    /// What it asks for.
    pub requested: String,
    /// What it has moved so far.
    pub total: Option<String>,
    /// The trade that it is a leg of.
    pub factor: Option<String>,
    /// Per time.
    pub flow: bool,
    pub two_way: bool,
    /// It moves before the row.
    pub dated: bool,
    /// `None` is the cloud.
    pub from: Option<String>,
    pub parts: Vec<(Option<String>, Size)>,
}

/// A value that is another's at some moment, both by the names of their columns.
#[derive(Clone, Debug)]
pub struct Eye {
    pub column: String,
    pub of: String,
    pub moment: Moment,
}

/// Which value an [`Eye`] has in row k.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// As the phase of this number found it in the step that starts there.
    Phase(usize),
    /// As the phase of this number found it in the step that ends there.
    Updated(usize),
    /// That of the row.
    Row,
    /// That of the row before, and this one in row 0.
    Before(f64),
    /// That of the row before, and the row's own in row 0.
    BeforeOrOwn,
}

/// A generated model.
#[derive(Clone)]
pub struct Model {
    decls: Vec<Decl>,
    /// The names of its phases.
    phases: Vec<&'static str>,
    /// The length of a step.
    pub dt: f64,
    /// How it is called.
    pub settings: Settings,
    pub edges: Vec<Edge>,
    pub eyes: Vec<Eye>,
    /// Stocks that may not go below zero, by the names of their columns.
    pub unsigned: Vec<String>,
    /// What is in it.
    pub tags: BTreeSet<&'static str>,
    policies: Vec<Policy>,
    /// What the scenario sets.
    storm: Vec<(String, String)>,
}

/// A policy: its name, whether it is over the labels, and the formulas of its options.
#[derive(Clone)]
struct Policy {
    name: String,
    k: bool,
    values: Vec<String>,
}

impl Model {
    /// The text of the model.
    pub fn text(&self) -> String {
        self.lines(self.decls.iter())
    }

    /// The same with its declarations in another order.
    pub fn shuffled(&self, seed: u64) -> String {
        let mut random = Random::new(seed);
        let mut decls: Vec<&Decl> = self.decls.iter().collect();
        for i in (1..decls.len()).rev() {
            decls.swap(i, random.below(i + 1));
        }
        self.lines(decls.into_iter())
    }

    /// The same without phases.
    pub fn flat(&self) -> String {
        let mut out = String::new();
        for decl in &self.decls {
            let text = decl.flat.as_ref().unwrap_or(&decl.text);
            let _ = if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") };
        }
        out
    }

    /// The same with a phase in which nothing happens before the phase of this number, or behind the last.
    pub fn with_an_idle_phase(&self, before: usize) -> String {
        let mut names = self.phases.clone();
        names.insert(before.min(names.len()), "idle");
        let (old, new) = (phases(&self.phases), phases(&names));
        self.text().replacen(&old, &new, 1)
    }

    /// The same with all rows kept.
    pub fn in_full(&self) -> String {
        self.lines(self.decls.iter().filter(|d| !d.text.starts_with("record ")))
    }

    /// The same with the formulas that are in force in place of the policies and the scenario, and how that is called.
    pub fn decided(&self) -> (String, Settings) {
        let mut values = if self.settings.scenario.is_some() { self.storm.clone() } else { Vec::new() };
        values.retain(|(name, _)| !self.settings.values.iter().any(|(other, _)| other == name));
        values.extend(self.settings.values.iter().cloned());
        let mut decls = self.decls.clone();
        decls.retain(|d| !d.text.starts_with("scenario "));
        for policy in &self.policies {
            let option = values.iter().find(|(name, _)| *name == policy.name).map_or(watch::OPTIONS[0], |(_, o)| o);
            let at = watch::OPTIONS.iter().position(|o| *o == option).unwrap_or(0);
            let head = format!("policy {}{} {{", policy.name, if policy.k { "[k in K]" } else { "" });
            let shape = if policy.k { "[k in K]" } else { "" };
            for decl in decls.iter_mut().filter(|d| d.text.starts_with(&head)) {
                decl.text = format!("let {}{shape} = {}", policy.name, policy.values[at]);
            }
        }
        values.retain(|(name, _)| !self.policies.iter().any(|p| p.name == *name));
        let settings = Settings { values, scenario: None, ..self.settings.clone() };
        (self.lines(decls.iter()), settings)
    }

    /// The number of its phases.
    pub fn phases(&self) -> usize {
        self.phases.len()
    }

    /// Whether its steps have stages.
    #[allow(dead_code)] // Fuzzing does not ask.
    pub fn runge_kutta(&self) -> bool {
        self.tags.iter().any(|tag| tag.starts_with("using"))
    }

    fn lines<'a>(&self, decls: impl Iterator<Item = &'a Decl>) -> String {
        let (mut out, mut open) = (String::new(), None);
        for decl in decls {
            if decl.phase != open {
                out.push_str(if open.is_some() { "}\n" } else { "" });
                open = decl.phase;
                if let Some(phase) = open {
                    let _ = writeln!(out, "phase {} {{", self.phases[phase]);
                }
            }
            let indent = if open.is_some() { "  " } else { "" };
            for line in decl.text.lines() {
                let _ = writeln!(out, "{indent}{line}");
            }
        }
        out.push_str(if open.is_some() { "}\n" } else { "" });
        out
    }
}

fn phases(names: &[&str]) -> String {
    format!("phases {}", names.join(", "))
}

/// A state whose rule is still to come.
struct State {
    name: &'static str,
    opening: String,
    /// The phase that updates it.
    phase: Option<usize>,
}

struct Generator {
    random: Random,
    kind: Kind,
    decls: Vec<Decl>,
    edges: Vec<Edge>,
    eyes: Vec<Eye>,
    /// What has a column and is no array, with its unit; and how many of these were there before anything moved.
    columns: Vec<(String, &'static str)>,
    still: usize,
    tags: BTreeSet<&'static str>,
    /// How many phases there are, and the one that is written.
    phases: usize,
    phase: Option<usize>,
    here: moves::Here,
    /// Which stocks limited moves took from, and in which phase.
    limited: Vec<(String, Option<usize>)>,
    /// The cohort ages.
    aged: bool,
    states: Vec<State>,
    /// Entities, and how many of them are there to be read.
    lives: Vec<lives::Entity>,
    living: usize,
    uncounted: bool,
    /// Names by unit: amounts of TKN, plain numbers.
    amounts: Vec<String>,
    plains: Vec<String>,
    /// Stocks of TKN and of USD that are no arrays.
    stocks: Vec<String>,
    dollars: Vec<String>,
    /// Names of TKN that another moment may be asked of.
    memories: Vec<String>,
    /// Names of flows and transfers, those of TKN and no arrays.
    moves: Vec<String>,
    /// Those that cross the boundary with TKN.
    crossing: Vec<String>,
    trades: Vec<String>,
    array_trades: Vec<String>,
    /// Arrays of TKN over the labels, over the numbers, and over both.
    by_label: Vec<String>,
    by_number: Vec<String>,
    by_both: Vec<String>,
    /// Array flows over the labels.
    array_flows: Vec<String>,
    policies: Vec<Policy>,
    storm: Vec<(String, String)>,
    params: usize,
    /// What may stand as a subscript here: labels, and numbers that are members.
    labels: Vec<String>,
    numbers: Vec<String>,
    names: usize,
    depth: usize,
}

/// A model.
pub fn model(seed: u64, kind: Kind) -> Model {
    generate(Random::new(seed), kind)
}

/// A model that hangs on these choices alone.
#[allow(dead_code)] // Fuzzing makes models so.
pub fn chosen(choices: Vec<u8>, kind: Kind) -> Model {
    generate(Random { state: 0, choices: Some(choices.into_iter()) }, kind)
}

fn generate(random: Random, kind: Kind) -> Model {
    let g = Generator {
        random,
        kind,
        decls: Vec::new(),
        edges: Vec::new(),
        eyes: Vec::new(),
        columns: Vec::new(),
        still: 0,
        tags: BTreeSet::new(),
        phases: 0,
        phase: None,
        here: moves::Here::default(),
        limited: Vec::new(),
        aged: false,
        states: Vec::new(),
        lives: Vec::new(),
        living: 0,
        uncounted: false,
        amounts: Vec::new(),
        plains: Vec::new(),
        stocks: Vec::new(),
        dollars: Vec::new(),
        // These are declared at the end of each model, and the row before has them everywhere.
        memories: vec!["after".into(), "ending".into()],
        moves: Vec::new(),
        crossing: Vec::new(),
        trades: Vec::new(),
        array_trades: Vec::new(),
        by_label: Vec::new(),
        by_number: Vec::new(),
        by_both: Vec::new(),
        array_flows: Vec::new(),
        policies: Vec::new(),
        storm: Vec::new(),
        params: 0,
        labels: ["red", "green", "blue", "K.green"].map(String::from).to_vec(),
        numbers: vec!["0".into()],
        names: 0,
        depth: 0,
    };
    g.model()
}

impl Generator {
    fn model(mut self) -> Model {
        self.phases = self.kind.phases.unwrap_or([0, 0, 0, 0, 1, 2, 2, 2, 3, 3][self.random.below(10)]);
        let dt = self.clock();
        self.say("fn mix(a, b, share) = a * share + b * (1 - share)".into());
        self.indexes();
        let unsigned = self.holdings();
        self.entities();
        for _ in 0..1 + self.random.below(5) {
            if self.random.chance(30) {
                self.draw();
            }
            self.formula();
        }
        self.member_formulas();
        self.still = self.columns.len();
        self.here = moves::Here::default();
        self.member_moments();
        self.moments();
        for phase in 0..self.phases.max(1) {
            self.phase = (self.phases > 0).then_some(phase);
            self.here = moves::Here::default();
            // Who comes first of the model and its members is left to chance.
            let first = self.living > 0 && self.random.chance(50);
            if first {
                self.member_work();
            }
            self.work();
            if !first {
                self.member_work();
            }
            if phase + 1 == self.phases.max(1) {
                let ending = self.amount();
                self.put(format!("let ending: TKN = clamp({ending}, -5000 TKN, 5000 TKN)"));
                self.amounts.push("ending".into());
            }
            self.phase = None;
            self.learn_all();
            if self.random.chance(40) {
                self.formula();
            }
        }
        self.rules();
        self.lifetimes();
        // Outside all phases, too.
        self.eye();
        self.watch();
        let settings = self.settings();
        Model {
            decls: self.decls,
            phases: PHASES[..self.phases].to_vec(),
            dt,
            settings,
            edges: self.edges,
            eyes: self.eyes,
            unsigned,
            tags: self.tags,
            policies: self.policies,
            storm: self.storm,
        }
    }

    /// A declaration outside the phases.
    fn say(&mut self, text: String) {
        self.decls.push(Decl { phase: None, text, flat: None });
    }

    /// A declaration in the phase that is written, if there are phases.
    fn put(&mut self, text: String) {
        self.decls.push(Decl { phase: self.phase, text, flat: None });
    }

    fn tag(&mut self, tag: &'static str) {
        self.tags.insert(tag);
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// The length of a step.
    fn clock(&mut self) -> f64 {
        self.say("unit TKN".into());
        // Where all is smooth, rounding may still grow from step to step.
        let most = if self.kind.jumps { 20 } else { 8 };
        let (from, steps) = (self.random.below(4), 1 + self.random.below(most));
        let step = ["1", "0.5", "0.25", "2", "0.1"][self.random.below(if self.kind.exact { 4 } else { 5 })];
        let dt = step.parse::<f64>().unwrap_or(1.0);
        let to = from as f64 + steps as f64 * dt;
        let mut using = "";
        // Three sixths are no power of two.
        if self.phases == 0 && !self.kind.exact && !self.kind.lives && self.random.chance(60) {
            using = [" using rk4", " using rk2"][self.random.below(2)];
            self.tags.insert(if using.ends_with('4') { "using rk4" } else { "using rk2" });
        }
        self.say(format!("time month from {from} to {} step {step}{using}", (to * 1e6).round() / 1e6));
        if self.phases > 0 {
            self.decls.push(Decl { phase: None, text: phases(&PHASES[..self.phases]), flat: Some(String::new()) });
        }
        if self.random.chance(30) {
            let every = 2 + self.random.below(3);
            self.say(format!("record every {every} month"));
        }
        dt
    }

    fn indexes(&mut self) {
        let last = self.random.below(4);
        let (red, green, blue) = (self.number(), self.random.below(100), self.number());
        let warm = if self.random.chance(50) { "true" } else { "false" };
        self.say(format!(
            "index K {{\n | weight | warm: bool | next: K\n red | {red} | true | green\n green | {green}% | false | blue\n blue | {blue} | {warm} | red\n}}",
        ));
        self.say("index Few in K = green, red".into());
        self.say(format!("index N = 0 .. {last}"));
        let ends = ["", " extrapolate", " step"][self.random.below(if self.kind.jumps { 3 } else { 2 })];
        let (one, two) = (self.number(), self.number());
        self.say(format!("curve hill(x) = (-1, 0), (0, {one}), (2.5, {two}){ends}"));
        let mode = ["linear", "hold", "lumps"][self.random.below(3)];
        self.say(format!("series seen: 1 from \"seen.csv\" {mode} clamp"));
        self.numbers.extend((1..=last).map(|n| n.to_string()));
        self.plains.push("seen".into());
    }

    /// Params, stocks and states: what there is when a run starts. Gives the stocks that may not go below zero.
    fn holdings(&mut self) -> Vec<String> {
        let mut unsigned = Vec::new();
        self.params = 1 + self.random.below(3);
        for i in 0..self.params {
            let value = self.uncertain();
            self.say(format!("param p{i}{value}"));
            self.plains.push(format!("p{i}"));
        }
        for i in 0..2 + self.random.below(4) {
            let (opening, name) = (100 + self.random.below(900), format!("s{i}"));
            let signed = self.random.chance(15);
            let bounds = if self.kind.failures && self.random.chance(5) { " in 0 .. 1200" } else { "" };
            self.say(format!("stock {name}: TKN = {opening}{}{bounds}", if signed { " signed" } else { "" }));
            unsigned.extend((!signed).then(|| name.clone()));
            self.amounts.push(name.clone());
            self.memories.push(name.clone());
            self.columns.push((name.clone(), " TKN"));
            self.stocks.push(name);
        }
        for i in 0..2 {
            let opening = self.random.below(400);
            self.say(format!("stock u{i}: USD = {opening}"));
            self.dollars.push(format!("u{i}"));
            unsigned.push(format!("u{i}"));
        }
        let cells: Vec<usize> = (0..3).map(|_| self.random.below(400)).collect();
        self.say(format!("stock h[k in K]: TKN = {{ red: {}, blue: {}, else: {} }}", cells[0], cells[1], cells[2]));
        let least = self.random.below(300).max(1);
        self.say(format!("stock g[n in N]: TKN = {least} TKN + 10 TKN * n"));
        unsigned.extend(K.map(|k| format!("h[{k}]")));
        unsigned.extend(self.numbers.iter().map(|n| format!("g[{n}]")));
        self.by_label.push("h".into());
        self.by_number.push("g".into());
        for name in ["x0", "x1"].into_iter().take(self.random.below(3)) {
            let opening = self.number();
            self.state(name, opening);
            self.columns.push((name.into(), ""));
            self.plains.push(name.into());
        }
        if self.random.chance(50) {
            self.state("z", "weight[k]".into());
        } else {
            self.say("let z[k in K] = weight[k]".into());
        }
        self.state("mood", "red".into());
        self.plains.extend(K.map(|k| format!("z[{k}]")));
        unsigned
    }

    fn state(&mut self, name: &'static str, opening: String) {
        let phase = (self.phases > 0 && self.random.chance(50)).then(|| self.random.below(self.phases));
        self.states.push(State { name, opening, phase });
    }

    /// The value that a state takes next.
    fn rule(&mut self, name: &str) -> String {
        match name {
            "mood" => "if time > 2 month then next[mood] else mood".into(),
            "z" => {
                let value = self.over(Some("k"), None, Self::plain);
                format!("clamp(z[k] + {value}, -10, 10)")
            }
            _ => {
                let value = self.plain();
                let own = if self.random.chance(50) { format!("{name} + ") } else { String::new() };
                // What may be no number is a failure.
                let fails = self.kind.failures && self.random.chance(4);
                if fails {
                    format!("{own}{value} / max(0, s1 / (1 TKN) - 300)")
                } else {
                    format!("clamp({own}{value}, -10, 10)")
                }
            }
        }
    }

    /// The states that this phase updates.
    fn updates(&mut self) {
        for i in 0..self.states.len() {
            if self.states[i].phase.is_some() && self.states[i].phase == self.phase {
                let (name, opening) = (self.states[i].name, self.states[i].opening.clone());
                let (rule, head) = (self.rule(name), head(name));
                self.decls.push(Decl {
                    phase: None,
                    text: format!("state {head} = {opening}"),
                    flat: Some(format!("state {head} = {opening} next {rule}")),
                });
                let text = format!("update {head} = {rule}");
                self.decls.push(Decl { phase: self.phase, text, flat: Some(String::new()) });
                self.tag("update");
            }
        }
    }

    /// The rules of the other states: they may read all that the step has done.
    fn rules(&mut self) {
        for i in 0..self.states.len() {
            if self.states[i].phase.is_some() {
                continue;
            }
            let (name, opening) = (self.states[i].name, self.states[i].opening.clone());
            let rule = match (name, self.random.below(4)) {
                ("mood" | "z", _) | (_, 0) => format!(" next {}", self.rule(name)),
                (_, 1) => String::new(),
                (_, 2) => format!(" next {} every {} month", self.rule(name), 2 + self.random.below(3)),
                _ => format!(" rate clamp({}, -1, 1) / (1 month)", self.plain()),
            };
            if self.phases > 0 && rule.starts_with(" next") {
                self.tag("next beside phases");
            }
            self.say(format!("state {} = {opening}{rule}", head(name)));
        }
    }

    /// A `let` that is a formula, or a policy.
    fn formula(&mut self) {
        if self.random.chance(25) {
            return self.policy();
        }
        match self.random.below(10) {
            0..3 => {
                let (value, name) = (self.amount(), self.name("a"));
                self.say(format!("let {name} = {value}"));
                self.columns.push((name.clone(), " TKN"));
                self.amounts.push(name.clone());
                self.memories.push(name);
            }
            3..6 => {
                let (value, name) = (self.plain(), self.name("b"));
                self.say(format!("let {name} = {value}"));
                self.columns.push((name.clone(), ""));
                self.plains.push(name);
            }
            6 => {
                let (value, name) = (self.over(Some("k"), None, Self::amount), self.name("l"));
                self.say(format!("let {name}[k in K] = {value}"));
                self.by_label.push(name);
            }
            7 => {
                let (value, name) = (self.over(None, Some("n"), Self::amount), self.name("l"));
                self.say(format!("let {name}[n in N] = {value}"));
                self.by_number.push(name);
            }
            8 => {
                let (value, name) = (self.over(None, Some("n"), Self::amount), self.name("l"));
                let first = self.random.below(5);
                self.say(format!("let {name}[n in N]: TKN = 50% * {name}[n - 1 else {first}] + {value}"));
                self.by_number.push(name);
            }
            _ => {
                let (value, name) = (self.over(Some("k"), Some("n"), Self::amount), self.name("l"));
                self.say(format!("let {name}[k in K, n in N] = {value}"));
                self.by_both.push(name);
            }
        }
    }

    fn policy(&mut self) {
        let (name, options) = (self.name("pol"), 2 + self.random.below(2));
        let kind = self.random.below(5);
        let values: Vec<String> = (0..options)
            .map(|_| match kind {
                0 => self.over(Some("k"), None, Self::amount),
                1 | 2 => self.amount(),
                _ => self.plain(),
            })
            .collect();
        let mut text = format!("policy {name}{} {{", if kind == 0 { "[k in K]" } else { "" });
        for (option, value) in watch::OPTIONS.iter().zip(&values) {
            let _ = write!(text, "\n  {option} = {value}");
        }
        self.say(text + "\n}");
        self.policies.push(Policy { name: name.clone(), k: kind == 0, values });
        if kind > 0 {
            self.columns.push((name.clone(), if kind < 3 { " TKN" } else { "" }));
        }
        match kind {
            0 => self.by_label.push(name),
            1 | 2 => self.amounts.push(name),
            _ => self.plains.push(name),
        }
        self.tag("policy");
    }

    /// A `let` of a phase, or a state, that is what something else is at some moment.
    fn eye(&mut self) {
        let (mut column, choice, phase) = (self.name("e"), self.random.below(5), self.phase);
        let old = if matches!(choice, 1 | 3) { self.still } else { self.columns.len() };
        let (of, unit) = self.columns[self.random.below(old)].clone();
        let moment = match choice {
            0 => {
                self.put(format!("let {column} = {of}"));
                phase.map_or(Moment::Row, Moment::Phase)
            }
            1 => {
                self.put(format!("let {column} = opening({of})"));
                Moment::Row
            }
            2 => {
                self.put(format!("let {column} = previous({of}, 3{unit})"));
                Moment::Before(3.0)
            }
            3 => {
                self.put(format!("let {column} = previous({of})"));
                Moment::BeforeOrOwn
            }
            _ => {
                column = format!("y{column}");
                let state = format!("state {column} = 3{unit}");
                let ruled = format!("{state} next {of}");
                match phase {
                    Some(phase) => {
                        self.decls.push(Decl { phase: None, text: state, flat: Some(ruled) });
                        let text = format!("update {column} = {of}");
                        self.decls.push(Decl { phase: self.phase, text, flat: Some(String::new()) });
                        Moment::Updated(phase)
                    }
                    None => {
                        self.say(ruled);
                        Moment::Before(3.0)
                    }
                }
            }
        };
        self.tag(match moment {
            Moment::Phase(p) if p > 0 => "a phase sees what came before",
            Moment::Updated(p) if p > 0 => "an update sees what came before",
            _ => "a moment is seen",
        });
        self.eyes.push(Eye { column, of, moment });
    }

    /// A `let` of a phase.
    fn fact(&mut self) {
        let name = self.name("d");
        match self.random.below(4) {
            0 => {
                let value = self.plain();
                self.put(format!("let {name} = {value}"));
                self.plains.push(name);
            }
            1 => {
                let value = self.over(Some("k"), None, Self::amount);
                self.put(format!("let {name}[k in K] = {value}"));
                self.by_label.push(name);
            }
            _ => {
                let value = self.amount();
                self.put(format!("let {name} = {value}"));
                self.amounts.push(name.clone());
                self.memories.push(name);
            }
        }
        if self.phase.is_some() {
            self.tag("let of a phase");
        }
    }
}

fn head(name: &str) -> String {
    if name == "z" { "z[k in K]".into() } else { name.into() }
}
