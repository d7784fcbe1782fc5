//! Generates models: right by construction, of every construct that an evaluator can meet.

use std::fmt::Write;

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

/// The file that generated models read.
pub const DATA: (&str, &str) = ("seen.csv", "time,seen\n-1,3\n0.5,-2\n2,4.5\n7,1\n99,2\n");

struct Generator {
    random: Random,
    kind: Kind,
    /// Names by unit: amounts of TKN, plain numbers, rates of TKN.
    amounts: Vec<String>,
    plains: Vec<String>,
    /// Names that another moment may be asked of.
    memories: Vec<String>,
    moves: Vec<String>,
    /// Arrays of TKN over the labels, over the numbers, and over both.
    by_label: Vec<String>,
    by_number: Vec<String>,
    by_both: Vec<String>,
    /// Array flows over the labels.
    array_flows: Vec<String>,
    /// What may stand as a subscript here: labels, and numbers that are members.
    labels: Vec<String>,
    numbers: Vec<String>,
    names: usize,
    depth: usize,
}

/// The text of a model.
pub fn model(seed: u64, kind: Kind) -> String {
    generate(Random::new(seed), kind)
}

/// The text of a model that hangs on these choices alone.
#[allow(dead_code)] // Fuzzing makes models so.
pub fn chosen(choices: Vec<u8>, kind: Kind) -> String {
    generate(Random { state: 0, choices: Some(choices.into_iter()) }, kind)
}

fn generate(random: Random, kind: Kind) -> String {
    let mut g = Generator {
        random,
        kind,
        amounts: Vec::new(),
        plains: Vec::new(),
        memories: Vec::new(),
        moves: Vec::new(),
        by_label: Vec::new(),
        by_number: Vec::new(),
        by_both: Vec::new(),
        array_flows: Vec::new(),
        labels: ["red", "green", "blue", "K.green"].map(String::from).to_vec(),
        numbers: vec!["0".into()],
        names: 0,
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
        self.indexes(&mut out);
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
        self.arrays(&mut out);
        self.moves(&mut out, stocks);
        let _ = writeln!(out, "let after = {} + total({})", self.amount(), self.moves[0]);
        let _ = writeln!(out, "let pace = total({}) / (1 month)\nlet covered = total(pace)", self.moves[0]);
        for flow in self.array_flows.clone() {
            let label = self.label();
            let _ = writeln!(out, "let sum_{flow} = sum({flow})\nlet done_{flow} = total({flow}[{label}])");
            let _ = writeln!(out, "metric m_{flow}[k in K] = total({flow}[k])\nmetric n_{flow} = max(final({flow}))");
        }
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

    fn indexes(&mut self, out: &mut String) {
        let last = self.random.below(4);
        let _ = writeln!(
            out,
            "index K {{\n | weight | warm: bool | next: K\n red | {} | true | green\n green | {}% | false | blue\n blue | 0.5 | {} | red\n}}",
            self.number(),
            self.random.below(100),
            if self.random.chance(50) { "true" } else { "false" }
        );
        let _ = writeln!(out, "index Few in K = green, red\nindex N = 0 .. {last}");
        let ends = ["", " extrapolate", " step"][self.random.below(3)];
        let _ = writeln!(out, "curve hill(x) = (-1, 0), (0, {}), (2.5, {}){ends}", self.number(), self.number());
        let mode = ["linear", "hold", "lumps"][self.random.below(3)];
        let _ = writeln!(out, "series seen: 1 from \"seen.csv\" {mode} clamp");
        let _ = writeln!(out, "state mood: K = red next if time > 2 month then next[mood] else mood");
        self.numbers.extend((1..=last).map(|n| n.to_string()));
        self.plains.push("seen".into());
    }

    /// Runs with a member of K and one of N as names.
    fn over<T>(&mut self, label: Option<&str>, number: Option<&str>, make: impl FnOnce(&mut Self) -> T) -> T {
        let (labels, numbers) = (self.labels.len(), self.numbers.len());
        // More often than others, what is near.
        (0..3).for_each(|_| self.labels.extend(label.map(String::from)));
        (0..3).for_each(|_| self.numbers.extend(number.map(String::from)));
        let out = make(self);
        self.labels.truncate(labels);
        self.numbers.truncate(numbers);
        out
    }

    fn arrays(&mut self, out: &mut String) {
        let cells: Vec<usize> = (0..3).map(|_| self.random.below(400)).collect();
        let _ = writeln!(out, "stock h[k in K]: TKN = {{ red: {}, blue: {}, else: {} }}", cells[0], cells[1], cells[2]);
        let _ =
            writeln!(out, "stock g[n in N]: TKN = {} + 10 TKN * n", self.random.below(300).max(1).to_string() + " TKN");
        self.by_label.push("h".into());
        self.by_number.push("g".into());
        if self.random.chance(50) {
            let value = self.over(Some("k"), None, Self::plain);
            let _ = writeln!(out, "state z[k in K] = weight[k] next clamp(z[k] + {value}, -10, 10)");
        } else {
            let _ = writeln!(out, "let z[k in K] = weight[k]");
        }
        for i in 0..self.random.below(4) {
            let name = format!("l{i}");
            match self.random.below(4) {
                0 => {
                    let value = self.over(Some("k"), None, Self::amount);
                    let _ = writeln!(out, "let {name}[k in K] = {value}");
                    self.by_label.push(name);
                }
                1 => {
                    let value = self.over(None, Some("n"), Self::amount);
                    let _ = writeln!(out, "let {name}[n in N] = {value}");
                    self.by_number.push(name);
                }
                2 => {
                    let value = self.over(None, Some("n"), Self::amount);
                    let _ = writeln!(out, "let {name}[n in N]: TKN = 50% * {name}[n - 1 else {i}] + {value}");
                    self.by_number.push(name);
                }
                _ => {
                    let value = self.over(Some("k"), Some("n"), Self::amount);
                    let _ = writeln!(out, "let {name}[k in K, n in N] = {value}");
                    self.by_both.push(name);
                }
            }
        }
        self.array_moves(out);
        let sum = self.members();
        let _ = writeln!(out, "metric sums[k in K] = final(h[k]) + mean_over({sum})\nmetric whole = initial(g)");
        let _ = writeln!(
            out,
            "metric first = argmax(final(h))\nassert all(h[k] >= -1 TKN for k in Few where weight[k] > -1)"
        );
    }

    fn array_moves(&mut self, out: &mut String) {
        for i in 0..self.random.below(4) {
            let (from, to) = match self.random.below(4) {
                0 => ("h[k]".to_string(), "s1".to_string()),
                1 => ("h[k]".to_string(), "h[next[k]]".to_string()),
                2 => ("h[k]".to_string(), format!("g[{}]", self.numbers[self.random.below(self.numbers.len())])),
                _ => ("s0".to_string(), "h[k]".to_string()),
            };
            let short = ["capped", "capped first", "or skip"][self.random.below(if self.kind.jumps { 3 } else { 2 })];
            let amount = format!("clamp({}, 0, 90 TKN)", self.over(Some("k"), None, Self::amount));
            if self.random.chance(60) {
                let _ = writeln!(out, "flow fk{i}[k in K]: {from} -> {to} = {amount} / ({} month) {short}", 1 + i);
                self.array_flows.push(format!("fk{i}"));
            } else {
                let (amount, when) = match self.random.below(3) {
                    0 => (amount, "each step".to_string()),
                    1 => ("10% * h[k]".into(), format!("every {} month", 2 + self.random.below(3))),
                    _ => ("20% * h[k]".into(), "at (if warm[k] then 1 month else 3 month)".into()),
                };
                let _ = writeln!(out, "transfer tk{i}[k in K]: {from} -> {to} = {amount} {when} {short}");
            }
        }
        if self.numbers.len() > 1 && self.random.chance(70) {
            let last = self.numbers.len() - 1;
            let _ = writeln!(
                out,
                "transfer older[n in N where n < {last}]: g[n] -> g[n + 1] = {}% * g[n] each step",
                1 + self.random.below(90)
            );
        }
    }

    /// A name for a member that nothing around has.
    fn fresh<T>(&mut self, letter: char, make: impl FnOnce(&mut Self, &str) -> T) -> (String, T) {
        self.names += 1;
        let name = format!("{letter}{}", self.names);
        let made = make(self, &name);
        (name, made)
    }

    fn label(&mut self) -> String {
        let all = self.labels.clone();
        self.random.pick(&all).to_string()
    }

    fn in_n(&mut self) -> String {
        let all = self.numbers.clone();
        self.random.pick(&all).to_string()
    }

    /// An amount of many members.
    fn members(&mut self) -> String {
        let f = ["sum", "mean", "max", "min"][self.random.below(4)];
        let array = self.by_label[self.random.below(self.by_label.len().max(1))].clone();
        match self.random.below(if self.kind.jumps { 7 } else { 5 }) {
            0 => format!("{f}({array})"),
            1 => {
                let (j, value) = self.fresh('j', |g, j| g.over(Some(j), None, Self::amount));
                format!("{f}({value} for {j} in K where warm[{j}] else 2)")
            }
            2 => {
                let (m, value) = self.fresh('m', |g, m| g.over(None, Some(m), Self::amount));
                format!("sum({value} for {m} in N where {m} > 0)")
            }
            3 => {
                let (i, (m, value)) =
                    self.fresh('i', |g, i| g.fresh('m', |g, m| g.over(Some(i), Some(m), Self::amount)));
                format!("mean({value} for {i} in Few for {m} in N)")
            }
            4 => {
                let (j, ()) = self.fresh('j', |_, _| ());
                format!("{f}({array}[{j}] for {j} in K where member({j}, Few))")
            }
            5 => {
                let (j, than) = self.fresh('j', |g, _| g.amount());
                format!("{f}({array}[{j}] for {j} in K where {array}[{j}] > {than} else 1 TKN)")
            }
            _ => format!("{array}[argmax({array})]"),
        }
    }

    fn element(&mut self) -> String {
        match self.random.below(if self.kind.jumps { 6 } else { 5 }) {
            0 if !self.by_both.is_empty() => {
                let (array, label, number) = (self.by_both[0].clone(), self.label(), self.in_n());
                format!("{array}[{label}, {number}]")
            }
            1 if !self.by_number.is_empty() => {
                let array = self.by_number[self.random.below(self.by_number.len())].clone();
                format!("{array}[{}]", self.in_n())
            }
            2 if !self.by_number.is_empty() => {
                let array = self.by_number[self.random.below(self.by_number.len())].clone();
                let other = self.amount();
                format!("{array}[{} {} 1 else {other}]", self.in_n(), if self.random.chance(50) { "+" } else { "-" })
            }
            3 => format!("previous(h[{}], 3 TKN)", self.label()),
            5 => format!("h[if {} then mood else {}]", self.condition(), self.label()),
            _ => {
                let array = self.by_label[self.random.below(self.by_label.len())].clone();
                format!("{array}[{}]", self.label())
            }
        }
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
        self.deeper(|g| match g.random.below(if g.depth > 3 { 3 } else { 16 }) {
            13 | 14 if !g.by_label.is_empty() => g.element(),
            15 if !g.by_label.is_empty() => g.members(),
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
        self.deeper(|g| match g.random.below(if g.depth > 3 { 2 } else { 16 }) {
            0 => g.number(),
            11 => format!("weight[{}]", g.label()),
            12 => format!("hill({})", g.plain()),
            13 => format!("(({} + 1) * 10%)", g.in_n()),
            14 if g.kind.jumps => {
                let (label, one, two) = (g.label(), g.plain(), g.plain());
                format!(
                    "(match mood {{ red or {} => {one}, else => {two} }})",
                    if label == "blue" { "blue" } else { "green" }
                )
            }
            15 if g.kind.jumps && !g.by_label.is_empty() => {
                let label = g.label();
                format!("(rank(h[{label}], h) + count(h[q] > 100 TKN for q in K))")
            }
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
