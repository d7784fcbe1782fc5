//! What lives: entities, their members' traits, stocks, states, luck and moves; births and deaths.
//!
//! A member reads what the model has, and what it has itself. `@` in the name of an attribute stands for whose it is: nothing
//! inside the entity, `p.` where a comprehension names the member.

use std::fmt::Write;

use super::{Decl, Generator, K, PHASES};

/// An entity that is written.
pub(super) struct Entity {
    pub name: String,
    mortal: bool,
    decls: Vec<Decl>,
    /// Amounts of TKN and plain numbers, as they are read.
    amounts: Vec<String>,
    plains: Vec<String>,
    /// Stocks of TKN, by name; and an array of them over the labels.
    stocks: Vec<String>,
    pots: Option<String>,
    /// References: their names, and the number of the entity.
    refs: Vec<(String, usize)>,
    /// States whose rule is still to come, with the phase that updates them.
    states: Vec<(String, Option<usize>)>,
    /// What is known when the phase is over.
    pending: Vec<String>,
}

impl Generator {
    /// What members are born with: it hangs on nothing but what the model holds.
    pub(super) fn entities(&mut self) {
        if !self.kind.lives {
            return;
        }
        let memories = std::mem::replace(&mut self.memories, vec!["s0".into()]);
        for e in 0..1 + self.random.below(2) {
            let mortal = self.random.chance(65);
            self.lives.push(Entity {
                name: format!("Pop{e}"),
                mortal,
                decls: Vec::new(),
                amounts: Vec::new(),
                plains: vec!["(@number * 10%)".into()],
                stocks: Vec::new(),
                pots: None,
                refs: Vec::new(),
                states: Vec::new(),
                pending: Vec::new(),
            });
            self.born(e);
        }
        self.memories = memories;
        self.living = self.lives.len();
    }

    fn born(&mut self, e: usize) {
        for _ in 0..1 + self.random.below(3) {
            self.a_trait(e);
        }
        for _ in 0..1 + self.random.below(2) {
            let (opening, name, from) = (self.within(e, Self::amount), self.name("held"), self.purse());
            let signed = self.random.chance(10);
            let most = if self.kind.failures && self.random.chance(5) { " in 0 .. 60" } else { "" };
            let signed = if signed { " signed" } else { "" };
            self.own(e, None, format!("stock {name}: TKN = clamp({opening}, 0 TKN, 20 TKN) from {from}{signed}{most}"));
            self.found(e, &from, "births");
            self.lives[e].amounts.push(format!("@{name}"));
            self.lives[e].stocks.push(name);
        }
        if !self.lives[e].mortal && self.random.chance(30) {
            let (name, from) = (self.name("pot"), self.purse());
            self.own(e, None, format!("stock {name}[k in K]: TKN = 1 TKN + 2 TKN * weight[k] from {from}"));
            self.found(e, &from, "births");
            self.lives[e].amounts.extend(K.map(|k| format!("@{name}[{k}]")));
            self.lives[e].pots = Some(name);
        }
        for _ in 0..self.random.below(3) {
            let (opening, name) = (self.within(e, Self::plain), self.name("st"));
            let phase = (self.phases > 0 && self.random.chance(60)).then(|| self.random.below(self.phases));
            self.own(e, None, format!("state {name} = clamp({opening}, -9, 9)"));
            self.lives[e].plains.push(format!("@{name}"));
            self.lives[e].states.push((name, phase));
        }
    }

    fn a_trait(&mut self, e: usize) {
        let name = self.name("tr");
        // Who is picked lives: those of this entity that live already, or of one before.
        let others = self.lives.len();
        match self.random.below(if self.kind.jumps { 6 } else { 4 }) {
            0 => {
                let value = self.within(e, Self::amount);
                self.own(e, None, format!("trait {name} = abs({value})"));
                self.lives[e].amounts.push(format!("@{name}"));
            }
            1 => {
                self.own(e, None, format!("trait {name}: TKN ~ uniform(0, 30)"));
                self.lives[e].amounts.push(format!("@{name}"));
            }
            2 => {
                let mean = self.within(e, Self::plain);
                self.own(e, None, format!("trait {name} ~ normal({mean}, 1)"));
                self.lives[e].plains.push(format!("@{name}"));
            }
            5 => {
                self.own(e, None, format!("trait {name} ~ categorical(weight)"));
                self.lives[e].plains.push(format!("(if @{name} == red then 1 else 2)"));
            }
            _ if others > 1 && e > 0 => {
                let of = self.random.below(others - 1);
                let weight = self.of_member(of, "a.", Self::plain);
                let condition = self.of_member(of, "a.", Self::condition);
                let other = &self.lives[of].name;
                let text = match self.random.below(4) {
                    0 if self.kind.failures => format!("pick(a for a in {other} where {condition})"),
                    1 => format!("pick(a for a in {other}, weight: 1% + abs({weight}))"),
                    _ => format!("pick(a for a in {other})"),
                };
                self.own(e, None, format!("trait {name}: {other} ~ {text}"));
                self.lives[e].refs.push((name, of));
                self.tag("reference");
            }
            _ => {
                let value = self.within(e, Self::plain);
                self.own(e, None, format!("trait {name} = {value}"));
                self.lives[e].plains.push(format!("@{name}"));
            }
        }
    }

    /// A stock of the model, or the cloud.
    fn purse(&mut self) -> String {
        if self.random.chance(60) || self.kind.closed { self.random.pick(&self.stocks).clone() } else { "cloud".into() }
    }

    /// What is born from the cloud or dies to it crosses the boundary.
    fn found(&mut self, e: usize, place: &str, what: &str) {
        let edge = format!("{} {what}", self.lives[e].name);
        if place.contains("cloud") && !self.crossing.contains(&edge) {
            self.crossing.push(edge);
        }
    }

    fn own(&mut self, e: usize, phase: Option<usize>, text: String) {
        self.lives[e].decls.push(Decl { phase, text, flat: None });
    }

    /// Runs inside an entity.
    pub(super) fn within<T>(&mut self, e: usize, make: impl FnOnce(&mut Self) -> T) -> T {
        let (stocks, memories) = (self.stocks.len(), self.memories.len());
        self.stocks.extend(self.lives[e].stocks.iter().cloned());
        self.memories.extend(self.lives[e].stocks.iter().cloned());
        let out = self.of_member(e, "", make);
        self.stocks.truncate(stocks);
        self.memories.truncate(memories);
        out
    }

    /// Runs with what a member has among the names.
    fn of_member<T>(&mut self, e: usize, by: &str, make: impl FnOnce(&mut Self) -> T) -> T {
        let (amounts, plains) = (self.amounts.len(), self.plains.len());
        for _ in 0..3 {
            self.amounts.extend(self.lives[e].amounts.iter().map(|a| a.replace('@', by)));
            self.plains.extend(self.lives[e].plains.iter().map(|a| a.replace('@', by)));
        }
        for (name, other) in &self.lives[e].refs {
            let other = &self.lives[*other];
            let simple = |a: &&String| a.starts_with('@') && !a.contains('[');
            let read = |a: &String, unit: &str| match other.mortal {
                true => format!("{}[{by}{name} else 5{unit}]", a.replace('@', &format!("{}.", other.name))),
                false => a.replace('@', &format!("{by}{name}.")),
            };
            self.amounts.extend(other.amounts.iter().filter(simple).map(|a| read(a, " TKN")));
            self.plains.extend(other.plains.iter().filter(simple).map(|a| read(a, "")));
        }
        let out = make(self);
        self.amounts.truncate(amounts);
        self.plains.truncate(plains);
        out
    }

    fn entity(&mut self) -> usize {
        self.random.below(self.living)
    }

    /// Something of a member that a comprehension names, and that name.
    fn each<T>(&mut self, e: usize, make: impl FnOnce(&mut Self) -> T) -> (String, T) {
        self.names += 1;
        let p = format!("p{}x", self.names);
        // What stands inside is worked out for each.
        self.depth += 1;
        let made = self.of_member(e, &format!("{p}."), make);
        self.depth -= 1;
        (p, made)
    }

    /// An amount of all that live.
    pub(super) fn amount_of_all(&mut self) -> String {
        let (e, f) = (self.entity(), ["mean", "max", "min"][self.random.below(3)]);
        let name = self.lives[e].name.clone();
        match self.random.below(if self.kind.jumps { 6 } else { 3 }) {
            0 => {
                let (p, value) = self.each(e, Self::amount);
                format!("sum({value} for {p} in {name})")
            }
            1 => {
                let other = self.entity();
                let (p, (q, value)) = self.each(e, |g| g.each(other, Self::amount));
                format!("sum(10% * {value} for {p} in {name} for {q} in {})", self.lives[other].name)
            }
            2 => {
                let stock = self.random.pick(&self.lives[e].stocks).clone();
                format!("sum({name}.{stock})")
            }
            3 => {
                let (p, (value, condition)) = self.each(e, |g| (g.amount(), g.condition()));
                format!("sum({value} for {p} in {name} where {condition})")
            }
            4 => {
                let (p, (value, condition)) = self.each(e, |g| (g.amount(), g.condition()));
                let other = self.random.below(50);
                format!("{f}({value} for {p} in {name} where {condition} else {other} TKN)")
            }
            _ => {
                let (k, (p, value)) = self.fresh('j', |g, k| g.each(e, |g| g.over(Some(k), None, Self::amount)));
                format!("sum({value} for {p} in {name} for {k} in K where warm[{k}])")
            }
        }
    }

    /// A number of all that live.
    pub(super) fn plain_of_all(&mut self) -> String {
        let e = self.entity();
        let (name, stock) = (self.lives[e].name.clone(), self.random.pick(&self.lives[e].stocks).clone());
        match self.random.below(if self.kind.jumps { 4 } else { 1 }) {
            0 => format!("({name} * 10%)"),
            1 => {
                let (p, condition) = self.each(e, Self::condition);
                format!("(10% * count({p} for {p} in {name} where {condition}))")
            }
            // Nobody ranks where nobody is.
            2 if !self.lives[e].mortal => format!("(10% * sum(rank(q.{stock}, {name}.{stock}) for q in {name}))"),
            _ => format!("(10% * sum(count(r for r in {name} where r.{stock} > q.{stock}) for q in {name}))"),
        }
    }

    /// What members work out and draw before anything moves.
    pub(super) fn member_formulas(&mut self) {
        for e in 0..self.lives.len() {
            for _ in 0..1 + self.random.below(2) {
                match self.random.below(3) {
                    0 => self.member_draw(e, None),
                    _ => self.member_let(e, None),
                }
            }
        }
    }

    fn member_let(&mut self, e: usize, phase: Option<usize>) {
        let name = self.name("own");
        if self.random.chance(50) {
            let value = self.within(e, Self::amount);
            self.own(e, phase, format!("let {name} = {value}"));
            self.lives[e].amounts.push(format!("@{name}"));
        } else {
            let value = self.within(e, Self::plain);
            self.own(e, phase, format!("let {name} = {value}"));
            self.lives[e].plains.push(format!("@{name}"));
        }
    }

    fn member_draw(&mut self, e: usize, phase: Option<usize>) {
        let name = self.name("luck");
        let (amount, plain) = self.within(e, |g| (g.amount(), g.plain()));
        let dist = match self.random.below(if self.kind.jumps { 5 } else { 2 }) {
            0 => format!("normal({plain}, 50%)"),
            1 => format!("truncated(normal(clamp({plain}, -3, 3), 1), -2, inf)"),
            2 => format!("binomial(9, clamp({plain}, 0, 1))"),
            3 => format!("poisson(abs(clamp({plain}, -5, 5)))"),
            _ => {
                self.lives[e].amounts.push(format!("(1 TKN * @{name})"));
                format!("exponential(clamp(abs({amount}) / (1 TKN), 1%, 50))")
            }
        };
        let cadence = match phase {
            Some(_) => String::new(),
            None if self.random.chance(30) => format!(" every {} month", 2 + self.random.below(3)),
            None => " each step".into(),
        };
        let flat = phase.map(|_| format!("draw {name} ~ {dist} each step"));
        self.lives[e].decls.push(Decl { phase, text: format!("draw {name} ~ {dist}{cadence}"), flat });
        self.lives[e].plains.push(format!("@{name}"));
        self.tag("draw of members");
    }

    /// What members do in a phase, or in the step where there are none.
    pub(super) fn member_work(&mut self) {
        for e in 0..self.lives.len() {
            for _ in 0..self.random.below(4) {
                match self.random.below(6) {
                    0 => self.member_let(e, self.phase),
                    1 if self.phases > 1 => self.member_draw(e, self.phase),
                    2 => self.member_trade(e),
                    _ => self.member_move(e, false),
                }
            }
            self.age(e);
            for (name, phase) in self.lives[e].states.clone() {
                if phase.is_some() && phase == self.phase {
                    let value = self.within(e, Self::plain);
                    let at = self.lives[e].decls.iter().position(|d| d.text.starts_with(&format!("state {name} ")));
                    let rule = format!("clamp({name} + {value}, -10, 10)");
                    if let Some(at) = at {
                        let state = &mut self.lives[e].decls[at];
                        state.flat = Some(format!("{} next {rule}", state.text));
                    }
                    let text = format!("update {name} = {rule}");
                    self.lives[e].decls.push(Decl { phase, text, flat: Some(String::new()) });
                }
            }
        }
    }

    /// What moves on a date.
    pub(super) fn member_moments(&mut self) {
        for e in 0..self.lives.len() {
            if self.random.chance(30) {
                self.member_move(e, true);
            }
        }
    }

    /// What is known now that a phase is over.
    pub(super) fn member_learn(&mut self) {
        for entity in &mut self.lives {
            entity.amounts.append(&mut entity.pending);
        }
    }

    /// A stock that a member may move to or from, and its declaration; the cloud has none.
    fn member_spot(&mut self, e: usize) -> (String, String) {
        let entity = &self.lives[e];
        match self.random.below(10) {
            0..4 => {
                let stock = self.random.pick(&entity.stocks).clone();
                (stock.clone(), format!("{}.{stock}", entity.name))
            }
            4 | 5 if !entity.refs.is_empty() => {
                let (name, other) = self.random.pick(&entity.refs).clone();
                let other = &self.lives[other];
                let stock = self.random.pick(&other.stocks).clone();
                let gone = if other.mortal { " else s0" } else { "" };
                self.tags.insert("a move to or from a referred member");
                (format!("{name}.{stock}{gone}"), format!("{}.{stock}", other.name))
            }
            6 if !self.kind.closed => ("cloud".into(), String::new()),
            _ => {
                let stock = self.random.pick(&self.stocks).clone();
                (stock.clone(), stock)
            }
        }
    }

    /// Different ends, at which nothing hangs.
    fn member_ends(&mut self, e: usize, targets: usize) -> Option<Vec<(String, String)>> {
        for _ in 0..30 {
            let all: Vec<(String, String)> = (0..=targets).map(|_| self.member_spot(e)).collect();
            // Whoever is gone is stood in for by s0.
            let stands = |(text, base): &(String, String)| {
                vec![base.clone(), if text.contains(" else ") { "s0".into() } else { base.clone() }]
            };
            let apart = (0..all.len())
                .all(|i| all[..i].iter().all(|other| stands(&all[i]).iter().all(|b| !stands(other).contains(b))));
            let sealed = stands(&all[0]).iter().any(|b| self.here.is_sealed(b));
            // Nobody stands in for who would give, or for who gets a part.
            let gone = |(text, _): &(String, String)| text.contains(" else ");
            let bare = !gone(&all[0]) && (targets == 1 || !all.iter().any(gone));
            if apart && !sealed && bare {
                return Some(all);
            }
        }
        None
    }

    fn stocks_of(ends: &[(String, String)]) -> Vec<String> {
        let mut bases: Vec<String> = ends.iter().map(|(_, base)| base.clone()).filter(|b| !b.is_empty()).collect();
        if ends.iter().any(|(text, _)| text.contains(" else ")) {
            bases.push("s0".into());
        }
        bases
    }

    fn member_move(&mut self, e: usize, dated: bool) {
        let targets = if self.random.chance(30) { 2 } else { 1 };
        let Some(ends) = self.member_ends(e, targets) else { return };
        let (sources, to) = (Self::stocks_of(&ends[..1]), Self::stocks_of(&ends[1..]));
        let Some(short) = self.limit(&sources, &to, true, false) else { return };
        let flow = !dated && self.random.chance(50);
        let name = self.name("mv");
        let demand = self.within(e, Self::amount);
        let fails = self.kind.failures && self.random.chance(2);
        let mut demand = if fails { demand } else { format!("clamp({demand}, 0 TKN, 30 TKN)") };
        if short.is_empty() && !ends[0].1.is_empty() && !(self.kind.failures && self.random.chance(4)) {
            // Not much of what there is, which may be shared by all.
            let source = ends[0].0.split(' ').next().unwrap_or_default();
            let of = match ends[0].1.contains('.') {
                true if ends[0].0.contains('.') => "0 TKN".to_string(),
                true => format!("5% * {source}"),
                false => format!("5% * {source} / max(1, {})", self.lives[e].name),
            };
            demand = format!("min({demand}, {of})");
        }
        let target = match &ends[1..] {
            [one] => one.0.clone(),
            [one, two] if self.random.chance(50) => format!("{{ {}: 30%; {}: rest }}", one.0, two.0),
            [one, two] => {
                let share = self.within(e, Self::plain);
                format!("{{ {}: clamp({share}, 0, 1); {}: rest }}", one.0, two.0)
            }
            _ => return,
        };
        let head = format!("{name}: {} -> {target} = {demand}", ends[0].0);
        let phase = if dated { None } else { self.phase };
        let text = if flow {
            format!("flow {head} / ({} month) {short}", 1 + self.random.below(3))
        } else if dated {
            let every = 2 + self.random.below(3);
            let when = ["at 2 month".to_string(), format!("every {every} month")][self.random.below(2)].clone();
            format!("transfer {head} {when} {short}")
        } else {
            let when = match self.random.below(if self.kind.jumps { 4 } else { 1 }) {
                3 => format!("once when {}", self.within(e, Self::condition)),
                2 => format!("when {}", self.within(e, Self::condition)),
                _ => "each step".into(),
            };
            format!("transfer {head} {when} {short}")
        };
        self.own(e, phase, text.trim_end().into());
        if ends.iter().any(|(text, _)| text == "cloud") {
            self.uncounted = true;
        }
        self.tag(match short {
            "" => "an unlimited move of members",
            "capped" => "a capped move of members",
            "capped first" => "a capped first move of members",
            _ => "a skipped move of members",
        });
        let read = if flow { format!("(@{name} * (1 month))") } else { format!("@{name}") };
        if dated || self.random.chance(60) {
            self.lives[e].pending.push(read);
        } else {
            if !short.is_empty() {
                sources.iter().for_each(|s| self.seal(s));
            }
            self.lives[e].amounts.push(read);
        }
    }

    fn member_trade(&mut self, e: usize) {
        let (Some(one), Some(two)) = (self.member_ends(e, 1), self.member_ends(e, 1)) else { return };
        let sources = Self::stocks_of(&[one[0].clone(), two[0].clone()]);
        let to = Self::stocks_of(&[one[1].clone(), two[1].clone()]);
        let Some(short) = self.limit(&sources, &to, false, true) else { return };
        let (name, (a, b)) = (self.name("deal"), self.within(e, |g| (g.amount(), g.amount())));
        let each = if self.phase.is_some() && self.random.chance(50) { "" } else { " each step" };
        let legs = format!(
            "{} -> {} = clamp({a}, 0 TKN, 20 TKN)\n  {} -> {} = clamp({b}, 0 TKN, 20 TKN)",
            one[0].0, one[1].0, two[0].0, two[1].0
        );
        let text = |each: &str| format!("transfer {name} {{\n  {legs}\n}} {short}{each}");
        self.lives[e].decls.push(Decl { phase: self.phase, text: text(each), flat: Some(text(" each step")) });
        if one.iter().chain(&two).any(|(text, _)| text == "cloud") {
            self.uncounted = true;
        }
        self.tag("a trade of members");
        self.lives[e].pending.push(format!("(@{name} * 3 TKN)"));
    }

    /// What members hold by label goes round.
    fn age(&mut self, e: usize) {
        let Some(pot) = self.lives[e].pots.clone() else { return };
        if self.random.chance(60) {
            return;
        }
        let name = self.name("round");
        let text = format!("transfer {name}[k in K]: {pot}[k] -> {pot}[next[k]] = 20% * {pot}[k] each step");
        self.own(e, self.phase, text);
    }

    /// The rules of other states, births and deaths: they may read all that the step has done.
    pub(super) fn lifetimes(&mut self) {
        for e in 0..self.lives.len() {
            for (name, _) in self.lives[e].states.clone().into_iter().filter(|(_, phase)| phase.is_none()) {
                let value = self.within(e, Self::plain);
                let every = if self.random.chance(30) { " every 2 month" } else { "" };
                let rule = match self.random.below(3) {
                    0 => format!(" rate clamp({value}, -1, 1) / (1 month)"),
                    _ => format!(" next clamp({name} + {value}, -10, 10){every}"),
                };
                let state = self.lives[e].decls.iter_mut().find(|d| d.text.starts_with(&format!("state {name} ")));
                if let Some(state) = state {
                    state.text += &rule;
                }
            }
            self.spawns(e);
            if self.lives[e].mortal {
                self.retires(e);
            }
            if self.random.chance(30) {
                let stock = self.lives[e].stocks[0].clone();
                self.own(e, None, format!("assert {stock} > -1000 TKN"));
            }
            self.close(e);
        }
    }

    fn spawns(&mut self, e: usize) {
        let name = self.lives[e].name.clone();
        let first = 1 + self.random.below(4);
        self.say(format!("spawn {name}: {first} initially"));
        for _ in 0..self.random.below(3) {
            let plain = self.plain();
            let fails = self.kind.failures && self.random.chance(3);
            let rate = if fails { format!("clamp({plain}, -20%, 60%)") } else { format!("clamp({plain}, 0, 40%)") };
            match self.random.below(if self.kind.jumps { 3 } else { 2 }) {
                0 => self.say(format!("spawn {name}: {rate} / (1 month)")),
                1 => self.say(format!("spawn {name}: {rate} * 2")),
                _ => self.say(format!("spawn {name}: up to 10 * ({rate})")),
            }
            self.tag("born later");
        }
    }

    fn retires(&mut self, e: usize) {
        let name = self.lives[e].name.clone();
        for _ in 0..1 + self.random.below(2) {
            let condition = match self.random.below(if self.kind.jumps { 3 } else { 1 }) {
                0 => format!("number == {} and time > {} month", self.random.below(3), self.random.below(6)),
                // Names stand for the member here, too.
                _ => self.within(e, |g| format!("({} and {})", g.condition(), g.condition())),
            };
            let mut text = format!("retire {name} when {condition} {{");
            let stocks: Vec<String> = self.lives[e].stocks.iter().chain(&self.lives[e].pots).cloned().collect();
            for stock in stocks {
                let (one, two) = (self.purse(), self.purse());
                let to = match self.lives[e].refs.first().cloned() {
                    Some((by, other)) if other != e && self.random.chance(40) => {
                        let other = &self.lives[other];
                        format!("{by}.{}{}", other.stocks[0], if other.mortal { " else s1" } else { "" })
                    }
                    _ if one != two && self.random.chance(40) => format!("{{ {one}: 25%; {two}: rest }}"),
                    _ => one,
                };
                self.found(e, &to, "deaths");
                let _ = write!(text, "\n  {stock} -> {to}");
            }
            self.say(text + "\n}");
        }
        self.tag("retire");
    }

    /// All of an entity is said at once.
    fn close(&mut self, e: usize) {
        let entity = &self.lives[e];
        let limit = match self.random.below(10) {
            0 if self.kind.failures => " at most 5",
            1..4 => " at most 900",
            _ => "",
        };
        let (mut text, mut flat) = (format!("entity {}{limit} {{", entity.name), String::new());
        let _ = write!(flat, "{text}");
        for decl in &entity.decls {
            match decl.phase {
                Some(phase) => {
                    let _ = write!(text, "\n  phase {} {{\n    {}\n  }}", PHASES[phase], decl.text);
                }
                None => {
                    let _ = write!(text, "\n  {}", decl.text);
                }
            }
            let said = decl.flat.as_ref().unwrap_or(&decl.text);
            if !said.is_empty() {
                let _ = write!(flat, "\n  {said}");
            }
        }
        self.decls.push(Decl { phase: None, text: text + "\n}", flat: Some(flat + "\n}") });
    }
}
