//! Generates models: right by construction, of every construct that an evaluator can meet.

use std::fmt::Write;

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for tests, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a>(&mut self, from: &'a [String]) -> &'a str {
        &from[self.below(from.len())]
    }
}

/// Which constructs a model may have.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Conditions, rounding and skips: where a last bit may decide between two ways.
    pub jumps: bool,
    /// Flows that may find too little or run backward.
    pub failures: bool,
}

struct Generator {
    random: Random,
    kind: Kind,
    /// Names by unit: amounts of TKN, plain numbers, rates of TKN.
    amounts: Vec<String>,
    plains: Vec<String>,
    /// Names that another moment may be asked of.
    memories: Vec<String>,
    moves: Vec<String>,
    depth: usize,
}

/// The text of a model.
pub fn model(seed: u64, kind: Kind) -> String {
    let mut g = Generator {
        random: Random(seed),
        kind,
        amounts: Vec::new(),
        plains: Vec::new(),
        memories: Vec::new(),
        moves: Vec::new(),
        depth: 0,
    };
    g.model()
}

impl Generator {
    fn model(&mut self) -> String {
        let mut out = String::from("unit TKN\n");
        let (from, steps) = (self.random.below(4), 1 + self.random.below(20));
        let step = ["1", "0.5", "0.25", "0.1", "2"][self.random.below(5)];
        let to = from as f64 + steps as f64 * step.parse::<f64>().unwrap_or(1.0);
        let _ = writeln!(out, "time month from {from} to {} step {step}", (to * 1e6).round() / 1e6);
        if self.random.chance(30) {
            let _ = writeln!(out, "record every {} month", 1 + self.random.below(4));
        }
        let _ = writeln!(out, "fn mix(a, b, share) = a * share + b * (1 - share)");
        for i in 0..1 + self.random.below(3) {
            let _ = writeln!(out, "param p{i} = {}", self.number());
            self.plains.push(format!("p{i}"));
        }
        let stocks = 2 + self.random.below(4);
        for i in 0..stocks {
            let signed = if self.random.chance(15) { " signed" } else { "" };
            let _ = writeln!(out, "stock s{i}: TKN = {}{signed}", 100 + self.random.below(900));
            self.amounts.push(format!("s{i}"));
            self.memories.push(format!("s{i}"));
        }
        for i in 0..self.random.below(3) {
            let value = self.plain();
            let rule = match self.random.below(4) {
                0 => String::new(),
                1 => format!(" next clamp({value}, -10, 10)"),
                2 => format!(" next clamp(x{i} + {value}, -10, 10) every {} month", 2 + self.random.below(3)),
                _ => format!(" rate clamp({value}, -1, 1) / (1 month)"),
            };
            let _ = writeln!(out, "state x{i} = {}{rule}", self.number());
            self.plains.push(format!("x{i}"));
            self.memories.push(format!("x{i}"));
        }
        for i in 0..self.random.below(5) {
            if self.random.chance(50) {
                let value = self.amount();
                let _ = writeln!(out, "let a{i} = {value}");
                self.amounts.push(format!("a{i}"));
            } else {
                let value = self.plain();
                let _ = writeln!(out, "let b{i} = {value}");
                self.plains.push(format!("b{i}"));
            }
        }
        self.moves(&mut out, stocks);
        let _ = writeln!(out, "let after = {} + total({})", self.amount(), self.moves[0]);
        let _ = writeln!(out, "let pace = total({}) / (1 month)\nlet covered = total(pace)", self.moves[0]);
        let conserved = self.random.chance(40);
        if conserved {
            let crossing: Vec<String> = self.moves.iter().filter(|m| m.starts_with('c')).cloned().collect();
            let except = if crossing.is_empty() { String::new() } else { format!(" except {}", crossing.join(", ")) };
            let _ = writeln!(out, "conserve TKN{except}");
        }
        for (i, f) in
            ["final", "initial", "mean_over", "min_over", "max_over", "sd_over", "time_of_max"].iter().enumerate()
        {
            let amount = self.amount();
            let window = if self.random.chance(20) { " from 1 month to 3 month" } else { "" };
            let _ = writeln!(out, "metric m{i} = {f}({amount}){window}");
        }
        let (flow, memory) = (self.moves[0].clone(), self.random.pick(&self.memories).to_string());
        let _ =
            writeln!(out, "metric t = total({flow})\nmetric u = at({memory}, 2 month)\nmetric v = last_time(s0 > s1)");
        out
    }

    fn moves(&mut self, out: &mut String, stocks: usize) {
        for i in 0..1 + self.random.below(5) {
            let from = self.random.below(stocks);
            let to = (from + 1 + self.random.below(stocks - 1)) % stocks;
            let (name, from, to) = match self.random.below(6) {
                0 => (format!("cin{i}"), "cloud".to_string(), format!("s{to}")),
                1 => (format!("cout{i}"), format!("s{from}"), "cloud".to_string()),
                _ => (format!("f{i}"), format!("s{from}"), format!("s{to}")),
            };
            let mut amount = self.amount();
            let short = match self.random.below(if self.kind.jumps { 5 } else { 4 }) {
                0 | 1 => " capped",
                2 => " capped first",
                3 if !self.kind.failures => " capped",
                3 => "",
                _ => " or skip",
            };
            // What may ask for less than nothing is a failure.
            if !self.kind.failures || self.random.chance(90) {
                amount = format!("clamp({amount}, 0, 300 TKN)");
            }
            let flow = self.random.chance(60);
            if flow {
                let _ = writeln!(
                    out,
                    "flow {name}: {from} -> {to} = {amount} / ({} month){short}",
                    1 + self.random.below(9)
                );
            } else {
                let when = match self.random.below(if self.kind.jumps { 6 } else { 4 }) {
                    0 => format!("at {} month", self.random.below(12)),
                    1 => format!("every {} month from {} month", 2 + self.random.below(4), self.random.below(6)),
                    2 => format!("every {} month to {} month", 2 + self.random.below(4), self.random.below(12)),
                    3 => "each step".into(),
                    4 => format!("when {}", self.condition()),
                    _ => format!("once when {}", self.condition()),
                };
                // A dated transfer moves before what moves in the step, so it may not read that.
                let amount = if when.starts_with("at") || when.starts_with("every") { self.early() } else { amount };
                let _ = writeln!(out, "transfer {name}: {from} -> {to} = {amount} {when}{short}");
            }
            self.moves.push(name.clone());
            self.memories.push(name.clone());
        }
    }

    fn early(&mut self) -> String {
        let share = 1 + self.random.below(40);
        format!(
            "{share}% * clamp({}, 0, 300 TKN)",
            self.random.pick(&self.amounts.iter().filter(|a| a.starts_with('s')).cloned().collect::<Vec<_>>())
        )
    }

    fn number(&mut self) -> String {
        let n = self.random.below(100);
        match self.random.below(4) {
            0 => format!("{n}%"),
            1 => format!("{}.{}", self.random.below(3), 1 + n),
            2 => format!("{}", 1 + n),
            _ => format!("{}e-1", 1 + n),
        }
    }

    fn deeper<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }

    /// An expression in TKN.
    fn amount(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 3 } else { 13 }) {
            0 => format!("{} TKN", 1 + g.random.below(500)),
            1 | 2 if !g.amounts.is_empty() => {
                let amounts = g.amounts.clone();
                g.random.pick(&amounts).to_string()
            }
            3 => format!("({} + {})", g.amount(), g.amount()),
            4 => format!("({} - {})", g.amount(), g.amount()),
            5 => format!("({} * {})", g.plain(), g.amount()),
            6 => format!("max({}, {}, 1 TKN)", g.amount(), g.amount()),
            7 => format!("mix({}, {}, {})", g.amount(), g.amount(), g.plain()),
            8 => format!("previous({}, 3 TKN)", g.memory('s')),
            9 => format!("initial({})", g.memory('s')),
            10 => format!("opening({})", g.memory('s')),
            11 if g.kind.jumps => format!("(if {} then {} else {})", g.condition(), g.amount(), g.amount()),
            12 if g.kind.jumps => format!("floor({}, to: 7 TKN)", g.amount()),
            _ => format!("abs({})", g.amount()),
        })
    }

    /// A remembered name of a kind, by its first letter.
    fn memory(&mut self, letter: char) -> String {
        let fitting: Vec<String> = self.memories.iter().filter(|m| m.starts_with(letter)).cloned().collect();
        if fitting.is_empty() { "s0".into() } else { self.random.pick(&fitting).to_string() }
    }

    /// A plain number, kept small so that nothing runs off to infinity.
    fn plain(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 2 } else { 11 }) {
            0 => g.number(),
            1 | 2 if !g.plains.is_empty() => {
                let plains = g.plains.clone();
                g.random.pick(&plains).to_string()
            }
            3 => format!("({} + {})", g.plain(), g.plain()),
            4 => format!("clamp({} * {}, -5, 5)", g.plain(), g.plain()),
            5 => format!("sin({})", g.plain()),
            6 => format!("exp(-abs({}))", g.plain()),
            7 => format!("(time / (6 month) - {})", g.plain()),
            // A divisor that is zero but for rounding is as good as a condition.
            8 if !g.kind.jumps => format!("{} / max({}, 1 TKN)", g.amount(), g.amount()),
            8 => format!("safediv({}, {}, otherwise: {})", g.amount(), g.amount(), g.plain()),
            9 => format!("(clamp({}, 0, 4) ^ {})", g.plain(), 1 + g.random.below(3)),
            10 if g.kind.jumps => format!("step_at({}, {} month)", g.plain(), g.random.below(9)),
            _ => format!("tan(clamp({}, -1, 1))", g.plain()),
        })
    }

    fn condition(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 2 } else { 5 }) {
            0 => format!("{} > {}", g.amount(), g.amount()),
            1 => format!("0 < {} <= {}", g.plain(), g.plain()),
            2 => format!("(not ({}))", g.condition()),
            3 => format!("({} and {})", g.condition(), g.condition()),
            _ => format!("({} or {})", g.condition(), g.condition()),
        })
    }
}
