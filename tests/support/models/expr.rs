//! Expressions: amounts of TKN, plain numbers, conditions.

use super::Generator;

impl Generator {
    /// Runs with a member of K and one of N as names.
    pub(super) fn over<T>(
        &mut self,
        label: Option<&str>,
        number: Option<&str>,
        make: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let (labels, numbers) = (self.labels.len(), self.numbers.len());
        // More often than others, what is near.
        (0..3).for_each(|_| self.labels.extend(label.map(String::from)));
        (0..3).for_each(|_| self.numbers.extend(number.map(String::from)));
        let out = make(self);
        self.labels.truncate(labels);
        self.numbers.truncate(numbers);
        out
    }

    /// A name for a member that nothing around has.
    pub(super) fn fresh<T>(&mut self, letter: char, make: impl FnOnce(&mut Self, &str) -> T) -> (String, T) {
        self.names += 1;
        let name = format!("{letter}{}", self.names);
        let made = make(self, &name);
        (name, made)
    }

    fn any(&mut self, of: impl Fn(&Self) -> &Vec<String>) -> String {
        let at = self.random.below(of(self).len());
        of(self)[at].clone()
    }

    pub(super) fn label(&mut self) -> String {
        self.any(|g| &g.labels)
    }

    pub(super) fn in_n(&mut self) -> String {
        self.any(|g| &g.numbers)
    }

    /// An amount of many members.
    pub(super) fn members(&mut self) -> String {
        if self.living > 0 && self.depth < 4 && self.random.chance(60) {
            return self.amount_of_all();
        }
        let f = ["sum", "mean", "max", "min"][self.random.below(4)];
        let array = self.any(|g| &g.by_label);
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
                let (array, label, number) = (self.any(|g| &g.by_both), self.label(), self.in_n());
                format!("{array}[{label}, {number}]")
            }
            1 => format!("{}[{}]", self.any(|g| &g.by_number), self.in_n()),
            2 => {
                let (array, at, other) = (self.any(|g| &g.by_number), self.in_n(), self.amount());
                format!("{array}[{at} {} 1 else {other}]", if self.random.chance(50) { "+" } else { "-" })
            }
            3 => format!("previous({}[{}], 3 TKN)", self.any(|g| &g.by_label), self.label()),
            5 => format!("h[if {} then mood else {}]", self.condition(), self.label()),
            _ => format!("{}[{}]", self.any(|g| &g.by_label), self.label()),
        }
    }

    pub(super) fn number(&mut self) -> String {
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
    pub(super) fn amount(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 3 } else { 17 }) {
            13 | 14 => g.element(),
            15 => g.members(),
            0 => format!("{} TKN", 1 + g.random.below(500)),
            1 | 2 => g.any(|g| &g.amounts),
            3 => format!("({} + {})", g.amount(), g.amount()),
            4 => format!("({} - {})", g.amount(), g.amount()),
            5 => format!("({} * {})", g.plain(), g.amount()),
            6 => format!("max({}, {}, 1 TKN)", g.amount(), g.amount()),
            7 => format!("mix({}, {}, {})", g.amount(), g.amount(), g.plain()),
            8 => format!("previous({}, 3 TKN)", g.any(|g| &g.memories)),
            16 => format!("previous({})", g.any(|g| &g.stocks)),
            9 => format!("initial({})", g.any(|g| &g.stocks)),
            10 => format!("opening({})", g.any(|g| &g.stocks)),
            11 if g.kind.jumps => format!("(if {} then {} else {})", g.condition(), g.amount(), g.amount()),
            12 if g.kind.jumps => format!("floor({}, to: 7 TKN)", g.amount()),
            _ => format!("abs({})", g.amount()),
        })
    }

    /// A plain number, kept small so that nothing runs off to infinity.
    pub(super) fn plain(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 2 } else { 16 }) {
            0 => g.number(),
            11 => format!("weight[{}]", g.label()),
            12 if g.living > 0 && g.depth < 4 && g.random.chance(50) => g.plain_of_all(),
            12 => format!("hill({})", g.plain()),
            13 => format!("(({} + 1) * 10%)", g.in_n()),
            14 if g.kind.jumps => {
                let (label, one, two) = (g.label(), g.plain(), g.plain());
                format!(
                    "(match mood {{ red or {} => {one}, else => {two} }})",
                    if label == "blue" { "blue" } else { "green" }
                )
            }
            15 if g.kind.jumps => {
                let label = g.label();
                format!("(rank(h[{label}], h) + count(h[q] > 100 TKN for q in K))")
            }
            1 | 2 => g.any(|g| &g.plains),
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

    pub(super) fn condition(&mut self) -> String {
        self.deeper(|g| match g.random.below(if g.depth > 3 { 2 } else { 5 }) {
            0 => format!("{} > {}", g.amount(), g.amount()),
            1 => format!("0 < {} <= {}", g.plain(), g.plain()),
            2 => format!("(not ({}))", g.condition()),
            3 => format!("({} and {})", g.condition(), g.condition()),
            _ => format!("({} or {})", g.condition(), g.condition()),
        })
    }
}
