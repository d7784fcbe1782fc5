//! What is left to chance: draws outside phases and in them, over members, held, in parts; params that are uncertain.

use super::{Decl, Generator};

impl Generator {
    /// A param's value, or what it is drawn from.
    pub(super) fn uncertain(&mut self) -> String {
        let value = self.number();
        let dist = match self.random.below(3) {
            0 => "normal(1, 50%)".to_string(),
            1 => format!("truncated(normal({value}, 1), 0, inf)"),
            _ => format!("uniform(0, {value})"),
        };
        match self.random.below(10) {
            0 | 1 => {
                self.tag("uncertain param");
                format!(" ~ {dist}")
            }
            2 => format!(" = {value} ~ {dist}"),
            _ => format!(" = {value}"),
        }
    }

    /// A draw: before anything moves, or in the phase that is written.
    pub(super) fn draw(&mut self) {
        let name = self.name("q");
        let how = match self.random.below(if self.kind.jumps { 12 } else { 7 }) {
            0 => {
                let (mean, sd) = (self.amount(), self.amount());
                self.drawn(&name, ": TKN", &format!("normal({mean}, abs({sd}))"));
                self.amounts.push(name.clone());
                self.memories.push(name.clone());
                " TKN"
            }
            1 => {
                let (median, sigma) = (self.amount(), self.plain());
                let dist = format!("lognormal(median: abs({median}) + 1 TKN, sigma: abs(clamp({sigma}, -1, 1)))");
                self.drawn(&name, "", &dist);
                self.amounts.push(name.clone());
                " TKN"
            }
            2 => {
                let value = self.over(Some("k"), None, Self::amount);
                self.drawn(&format!("{name}[k in K]"), "", &format!("uniform(-1 TKN, abs({value}))"));
                return self.by_label.push(name);
            }
            3 => {
                let value = self.over(None, Some("n"), Self::amount);
                self.drawn(&format!("{name}[n in N]"), "", &format!("exponential(abs({value}))"));
                return self.by_number.push(name);
            }
            4 => {
                let mean = self.plain();
                self.drawn(&name, "", &format!("truncated(normal(clamp({mean}, -3, 3), 1), -2, inf)"));
                self.plains.push(name.clone());
                ""
            }
            5 => {
                let value = self.plain();
                let dist = format!("normal(50% * previous({name}, 0), abs(clamp({value}, -2, 2)))");
                self.drawn(&name, ": 1", &dist);
                self.plains.push(name.clone());
                ""
            }
            6 => {
                let (mean, sd) = (self.plain(), self.plain());
                // What may be below 0 is a failure.
                let fails = self.kind.failures && self.random.chance(6);
                let sd = if fails { format!("80% + sin({sd} + time / (1 month))") } else { format!("abs({sd})") };
                self.drawn(&name, "", &format!("normal({mean}, {sd})"));
                self.plains.push(name.clone());
                ""
            }
            7 => {
                let p = self.plain();
                self.drawn(&name, "", &format!("bernoulli(clamp({p}, 0, 1))"));
                return self.plains.push(format!("(if {name} then 1 else 2)"));
            }
            8 => {
                let mean = self.plain();
                self.drawn(&name, "", &format!("poisson(abs(clamp({mean}, -30, 30)))"));
                self.plains.push(name.clone());
                ""
            }
            9 => {
                let p = self.plain();
                self.drawn(&name, "", &format!("binomial(90, clamp({p}, 0, 1))"));
                self.plains.push(name.clone());
                ""
            }
            10 => {
                let odds = if self.random.chance(50) { "weight" } else { "abs(h[j]) + 1 TKN for j in K where warm[j]" };
                self.drawn(&name, "", &format!("categorical({odds})"));
                return self.plains.push(format!("(if {name} == red then 1 else 2)"));
            }
            _ => {
                let whole = self.amount();
                let n = format!("floor(abs(clamp({whole}, -500 TKN, 500 TKN)))");
                self.drawn(&format!("{name}[k in K]"), ": TKN", &format!("multinomial({n}, weight[k] + 1%)"));
                self.tag("multinomial");
                return self.by_label.push(name);
            }
        };
        if self.phase.is_none() {
            self.columns.push((name, how));
        }
    }

    fn drawn(&mut self, head: &str, ty: &str, dist: &str) {
        let text = format!("draw {head}{ty} ~ {dist}");
        if self.phase.is_some() {
            self.tag("draw of a phase");
            let flat = Some(format!("{text} each step"));
            return self.decls.push(Decl { phase: self.phase, text, flat });
        }
        let held = self.random.chance(30);
        let cadence = if held { format!("every {} month", 2 + self.random.below(3)) } else { "each step".into() };
        self.tag(if held { "held draw" } else { "draw" });
        self.say(format!("{text} {cadence}"));
    }
}
