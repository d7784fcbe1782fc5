//! What moves: flows, transfers, splits, trades and what runs either way.
//!
//! Nothing may hang on itself in one instant. What a limited move gets hangs on all that take from its source in the same
//! phase; so once it is read there, its source is sealed: nothing else may take from it, or give to it without a limit.

use super::{Decl, Edge, Generator, K, Size};

/// The moves of the phase that is written, or of those with a date.
#[derive(Default)]
pub(super) struct Here {
    /// The sources of each limited move.
    limited: Vec<Vec<String>>,
    /// Sources at which something is `capped first`, is skipped, or is not limited.
    firsts: Vec<String>,
    skips: Vec<String>,
    uncapped: Vec<String>,
    sealed: Vec<String>,
    /// What is read when the phase is over.
    pending: Vec<Made>,
}

impl Here {
    pub fn is_sealed(&self, source: &str) -> bool {
        self.sealed.iter().any(|s| s == source)
    }
}

/// What can be read of a move.
#[derive(Default)]
struct Made {
    amounts: Vec<String>,
    plains: Vec<String>,
    memories: Vec<String>,
    by_label: Vec<String>,
    /// Amounts of the member `k`.
    of_k: Vec<String>,
    /// The sources, of a limited one.
    sources: Vec<String>,
}

/// An end of a move.
#[derive(Clone)]
struct Spot {
    text: String,
    /// The declaration; empty for the cloud.
    base: String,
    /// The stock by member of the move.
    at: [String; 3],
}

impl Spot {
    fn plain(name: String) -> Self {
        Self { base: name.clone(), at: [name.clone(), name.clone(), name.clone()], text: name }
    }

    fn cloud() -> Self {
        Self { text: "cloud".into(), base: String::new(), at: Default::default() }
    }

    fn is_cloud(&self) -> bool {
        self.base.is_empty()
    }

    fn of(&self, member: usize) -> Option<String> {
        Some(self.at[member].clone()).filter(|_| !self.is_cloud())
    }

    fn meets(&self, other: &Spot) -> bool {
        self.at.iter().zip(&other.at).any(|(a, b)| a == b)
    }
}

/// A part of a split as it is written, and how much it gets.
enum Form {
    Rest,
    Share(f64),
    Column(String),
    Of(usize, Vec<String>),
}

/// Where a move gives.
struct Target {
    text: String,
    spots: Vec<Spot>,
    forms: Vec<Form>,
    /// What it has to ask for, if its parts are amounts.
    demand: Option<String>,
}

fn suffix(k: bool, member: usize) -> String {
    if k { format!("[{}]", K[member]) } else { String::new() }
}

impl Generator {
    /// What moves on a date.
    pub(super) fn moments(&mut self) {
        for _ in 0..self.random.below(3) {
            self.single(true, false);
        }
        if self.random.chance(15) {
            self.trade(true);
        }
        self.learn_all();
    }

    /// What a phase does, or the step where there are no phases.
    pub(super) fn work(&mut self) {
        while self.moves.is_empty() {
            self.single(false, true);
        }
        let mut tasks = vec![0; self.random.below(3)];
        let singles = if self.phases > 1 { self.random.below(3) } else { self.random.below(5) };
        tasks.extend(vec![1; singles]);
        for (task, percent) in
            [(2, 40), (3, 40), (4, 30), (6, 60), (6, 60), (7, if self.phases > 1 { 25 } else { 0 }), (5, 100)]
        {
            tasks.extend(self.random.chance(percent).then_some(task));
        }
        while !tasks.is_empty() {
            let at = self.random.below(tasks.len());
            match tasks.swap_remove(at) {
                0 => self.fact(),
                1 => self.single(false, false),
                2 => self.two_way(),
                3 => self.trade(false),
                4 => self.older(),
                6 => self.eye(),
                7 => self.draw(),
                _ => self.updates(),
            }
        }
    }

    /// A stock, or the cloud.
    fn spot(&mut self, k: bool, dollars: bool) -> Spot {
        if dollars {
            let at = self.random.below(self.dollars.len() + usize::from(!self.kind.closed));
            return self.dollars.get(at).map_or_else(Spot::cloud, |name| Spot::plain(name.clone()));
        }
        let last = self.random.below(10);
        match last {
            0..4 if k => Spot { text: "h[k]".into(), base: "h".into(), at: K.map(|k| format!("h[{k}]")) },
            4..6 if k => Spot {
                text: "h[next[k]]".into(),
                base: "h".into(),
                at: ["green", "blue", "red"].map(|k| format!("h[{k}]")),
            },
            0..8 => Spot::plain(self.random.pick(&self.stocks).clone()),
            8 if k || self.random.chance(50) => {
                let n = self.random.below(self.numbers.len());
                Spot { base: "g".into(), ..Spot::plain(format!("g[{n}]")) }
            }
            8 => Spot { base: "h".into(), ..Spot::plain(format!("h[{}]", self.random.pick(&K))) },
            _ if self.kind.closed => Spot::plain(self.stocks[0].clone()),
            _ => Spot::cloud(),
        }
    }

    /// A source and its targets, all different, if there are any that nothing hangs on.
    fn ends(&mut self, k: bool, dollars: bool, targets: usize) -> Option<(Spot, Vec<Spot>)> {
        for _ in 0..50 {
            let all: Vec<Spot> = (0..=targets).map(|_| self.spot(k, dollars)).collect();
            let apart = (0..all.len()).all(|i| all[..i].iter().all(|other| !all[i].meets(other)));
            if apart && !self.here.sealed.contains(&all[0].base) {
                return Some((all[0].clone(), all[1..].to_vec()));
            }
        }
        // Where choices are the same again and again, what nothing can be wrong with.
        let names = if dollars { &self.dollars } else { &self.stocks };
        let to: Vec<Spot> = names.iter().take(targets).map(|name| Spot::plain(name.clone())).collect();
        (to.len() == targets && !self.kind.closed).then(|| (Spot::cloud(), to))
    }

    /// What happens if there is too little. `factors`: what moves is multiplied by how much of it goes through, which is
    /// no power of two.
    pub(super) fn limit(
        &mut self,
        sources: &[String],
        targets: &[String],
        safe: bool,
        factors: bool,
    ) -> Option<&'static str> {
        let (order, exact) = (self.kind.order, self.kind.exact);
        let alone = |others: &[String]| order || sources.iter().all(|s| !others.contains(s));
        let mut all = Vec::new();
        if !exact {
            all.extend(["capped"; 4]);
        }
        if alone(&self.here.firsts) && !(exact && factors) {
            all.extend(["capped first"; 2]);
        }
        if alone(&self.here.skips) && self.kind.jumps {
            all.extend(["or skip"; 2]);
        }
        let many = |s: &String| self.here.uncapped.iter().filter(|other| *other == s).count() >= 3;
        let sealed = |s: &String| self.here.sealed.contains(s);
        if safe && !sources.iter().any(many) && !sources.iter().chain(targets).any(sealed) {
            all.extend(["", "", ""]);
        }
        let short = *all.get(self.random.below(all.len()))?;
        let here = &mut self.here;
        match short {
            "" => here.uncapped.extend(sources.iter().cloned()),
            "capped first" => here.firsts.extend(sources.iter().cloned()),
            "or skip" => here.skips.extend(sources.iter().cloned()),
            _ => {}
        }
        if !short.is_empty() {
            here.limited.push(sources.to_vec());
            let phase = self.phase;
            let elsewhere = |s: &String| self.limited.iter().any(|(other, p)| other == s && *p != phase);
            if phase.is_some() && sources.iter().any(elsewhere) {
                self.tag("limits of a stock in several phases");
            }
            self.limited.extend(sources.iter().map(|s| (s.clone(), phase)));
        }
        Some(short)
    }

    /// Nothing else may come to hang on what a source has.
    pub(super) fn seal(&mut self, source: &str) {
        if self.here.sealed.iter().any(|s| s == source) {
            return;
        }
        self.here.sealed.push(source.into());
        let others: Vec<String> =
            self.here.limited.iter().filter(|l| l.iter().any(|s| s == source)).flatten().cloned().collect();
        others.iter().for_each(|s| self.seal(s));
    }

    /// What a move did may be read from now on, or from the next phase on.
    fn publish(&mut self, made: Made, dated: bool) {
        if dated || !self.random.chance(40) {
            return self.here.pending.push(made);
        }
        made.sources.iter().for_each(|s| self.seal(s));
        self.learn(made);
        self.tag("a move reads another of its phase");
    }

    fn learn(&mut self, made: Made) {
        self.amounts.extend(made.amounts);
        self.plains.extend(made.plains);
        self.memories.extend(made.memories);
        self.by_label.extend(made.by_label);
        for value in made.of_k {
            let name = self.name("v");
            let text = format!("let {name}[k in K] = {value}");
            if self.random.chance(50) {
                self.put(text)
            } else {
                self.say(text)
            }
            self.by_label.push(name);
        }
    }

    pub(super) fn learn_all(&mut self) {
        for made in std::mem::take(&mut self.here.pending) {
            self.learn(made);
        }
        self.member_learn();
    }

    /// What a move asks for; where nothing limits it, not much of what its source has.
    fn demand(&mut self, k: bool, dollars: bool, least: usize, source: Option<&Spot>) -> String {
        let mut value = self.over(k.then_some("k"), None, Self::amount);
        let unit = if dollars { "USD" } else { "TKN" };
        if dollars {
            value = format!("(0.5 USD/TKN) * {value}");
        }
        // What may ask for less than nothing is a failure, and so is what may ask for no number at all.
        let fails = if self.kind.failures { self.random.below(100) } else { 100 };
        if fails < 2 {
            value = format!("{value} / max(0, s0 / (1 TKN) - 300)");
        } else if fails > 4 {
            value = format!("clamp({value}, {least} {unit}, 300 {unit})");
        }
        if let Some(source) = source.filter(|s| !s.is_cloud()) {
            // So is what may ask for too much.
            if !self.kind.failures || self.random.chance(90) {
                value = format!("min({value}, 5% * {})", source.text);
            }
        }
        self.quantum(value, unit)
    }

    fn quantum(&self, value: String, unit: &str) -> String {
        if self.kind.exact { format!("floor({value}, to: 0.25 {unit})") } else { value }
    }

    fn months(&mut self) -> usize {
        if self.kind.exact { 1 << self.random.below(3) } else { 1 + self.random.below(9) }
    }

    /// When a transfer moves.
    fn timing(&mut self, k: bool, dated: bool) -> String {
        if dated {
            let (a, b, c) = (2 + self.random.below(4), self.random.below(6), self.random.below(12));
            return match self.random.below(if k { 5 } else { 4 }) {
                0 => format!("at {c} month"),
                1 => format!("every {a} month from {b} month"),
                2 => format!("every {a} month to {c} month"),
                3 => format!("every {a} month"),
                _ => "at (if warm[k] then 1 month else 3 month)".into(),
            };
        }
        match self.random.below(if self.kind.jumps { 4 } else { 2 }) {
            0 | 1 => "each step".into(),
            2 => format!("when {}", self.over(k.then_some("k"), None, Self::condition)),
            _ => format!("once when {}", self.over(k.then_some("k"), None, Self::condition)),
        }
    }

    /// Writes a transfer. In a phase nothing needs to be said of what moves in each step.
    fn transfer(&mut self, head: &str, timing: &str, short: &str) {
        let mut clauses = [timing, short];
        if self.random.chance(50) {
            clauses.reverse();
        }
        let written = |clauses: [&str; 2]| {
            clauses.iter().filter(|c| !c.is_empty()).fold(head.to_string(), |text, clause| format!("{text} {clause}"))
        };
        let text = written(clauses);
        if self.phase.is_some() {
            self.tag(if timing == "each step" { "transfer of a phase" } else { "transfer of a phase with `when`" });
        } else if self.phases > 0 {
            self.tag("date beside phases");
        }
        if self.phase.is_some() && timing == "each step" && self.random.chance(50) {
            let bare = written(clauses.map(|c| if c == timing { "" } else { c }));
            return self.decls.push(Decl { phase: self.phase, text: bare, flat: Some(text) });
        }
        self.put(text);
    }

    /// A flow or a transfer, which may be split. `simple`: of TKN, and no array.
    fn single(&mut self, dated: bool, simple: bool) {
        let (k, dollars) = (!simple && self.random.chance(30), !simple && self.random.chance(10));
        let targets = if self.random.chance(40) { 2 + self.random.below(2) } else { 1 };
        let Some((from, to)) = self.ends(k, dollars, targets) else { return };
        let amounts =
            targets > 1 && !dollars && self.random.chance(35) && !(dated && (self.kind.exact || from.is_cloud()));
        let sources: Vec<String> = bases(std::slice::from_ref(&from));
        let Some(short) = self.limit(&sources, &bases(&to), !amounts || from.is_cloud() || dated, amounts) else {
            return;
        };
        let flow = !dated && self.random.chance(55);
        let name = self.name(if flow { "f" } else { "t" });
        let months = flow.then(|| self.months());
        let shape = if k { "[k in K]" } else { "" };
        let target = self.target(k, &from, to, amounts, dated, months);
        let demand = match &target.demand {
            Some(demand) => demand.clone(),
            None => self.demand(k, dollars, 0, short.is_empty().then_some(&from)),
        };
        let arrow = format!("{name}{shape}: {} -> {}", from.text, target.text);
        match months {
            Some(months) => self.put(format!("flow {arrow} = {demand} / ({months} month) {short}").trim_end().into()),
            None => {
                let timing = self.timing(k, dated);
                self.transfer(&format!("transfer {arrow} = {demand}"), &timing, short);
            }
        }
        self.count_parts(&target, k);
        let crosses = from.is_cloud() || target.spots.iter().any(Spot::is_cloud);
        self.edge(&name, None, k, (flow, false, dated), &from, &target);
        self.crossing.extend((crosses && !dollars).then(|| name.clone()));
        let mut made = Made { sources: if short.is_empty() { Vec::new() } else { sources }, ..Made::default() };
        if !k && !dollars {
            self.moves.push(name.clone());
        }
        match (k, flow) {
            _ if dollars => return,
            (false, true) => made.amounts.push(format!("({name} * (1 month))")),
            (false, false) => {
                made.amounts.push(name.clone());
                made.memories.push(name.clone());
            }
            (true, true) => {
                made.of_k.push(format!("{name}[k] * (1 month)"));
                self.array_flows.push(name.clone());
            }
            (true, false) => made.by_label.push(name.clone()),
        }
        if self.random.chance(20) && !k {
            self.amounts.push(format!("total({name})"));
        }
        if self.random.chance(30) && !dated && !k {
            self.amounts.push(format!("requested({name}){}", if flow { " * (1 month)" } else { "" }));
        }
        self.publish(made, dated);
    }

    fn count_parts(&mut self, target: &Target, k: bool) {
        if target.spots.len() == 1 {
            return;
        }
        self.tag(match target.forms[0] {
            Form::Column(_) => "split by computed shares",
            Form::Of(..) => "split by amounts",
            _ => "split by constant shares",
        });
        self.tag(if target.text.contains("rest") { "split with a rest" } else { "split without a rest" });
        if target.spots.iter().any(Spot::is_cloud) {
            self.tag("split with a part for the cloud");
        }
        if k {
            self.tag("array of splits");
        }
        if target.spots.iter().any(|s| s.text != s.base && !s.is_cloud()) {
            self.tag("split to members");
        }
    }

    /// Where a move gives, and how it parts.
    fn target(
        &mut self,
        k: bool,
        from: &Spot,
        spots: Vec<Spot>,
        amounts: bool,
        dated: bool,
        months: Option<usize>,
    ) -> Target {
        let n = spots.len();
        if n == 1 {
            return Target { text: spots[0].text.clone(), spots, forms: vec![Form::Rest], demand: None };
        }
        let (rest, own) = (self.random.chance(50), if k { "[k]" } else { "" });
        let (mut said, mut forms): (Vec<String>, Vec<Form>);
        let mut demand = None;
        if amounts && dated {
            let percents = [10, 5, 5];
            said = percents.iter().take(n).map(|p| format!("{p}% * {}", from.text)).collect();
            let all: usize = percents.iter().take(n).sum();
            forms = percents.iter().take(n).map(|p| Form::Share(*p as f64 / all as f64)).collect();
            demand = Some(format!("{all}% * {}", from.text));
        } else if amounts {
            let names: Vec<String> = (0..n).map(|_| self.name("q")).collect();
            for name in &names {
                let value = self.over(k.then_some("k"), None, Self::amount);
                let value = self.quantum(format!("clamp({value}, 0, 60 TKN)"), "TKN");
                self.put(format!("let {name}{} = {value}", if k { "[k in K]" } else { "" }));
            }
            let per = months.map_or(String::new(), |m| format!(" / ({m} month)"));
            said = names.iter().map(|name| format!("{name}{own}{per}")).collect();
            forms = (0..n).map(|i| Form::Of(i, names.clone())).collect();
            let all: Vec<String> = names.iter().map(|name| format!("{name}{own}")).collect();
            // A part for which nothing is asked is a failure.
            let wrong = self.kind.failures && self.random.chance(4);
            demand = Some(if wrong { format!("50% * {}", all[0]) } else { format!("({})", all.join(" + ")) });
        } else if !dated && self.random.chance(50) {
            let names: Vec<String> = (1..n).map(|_| self.name("q")).collect();
            for name in &names {
                let value = self.over(k.then_some("k"), None, Self::plain);
                let most = if n == 2 { "1" } else { "50%" };
                // So is what is no share.
                let wrong = self.kind.failures && self.random.chance(4);
                let value =
                    if wrong { format!("{value} + s0 / (500 TKN)") } else { format!("clamp({value}, 0, {most})") };
                let value = if self.kind.exact { format!("floor({value}, to: 0.25)") } else { value };
                self.put(format!("let {name}{} = {value}", if k { "[k in K]" } else { "" }));
            }
            said = names.iter().map(|name| format!("{name}{own}")).collect();
            said.push(format!("1 - {}", said.join(" - ")));
            forms = names.into_iter().map(Form::Column).collect();
            forms.push(Form::Rest);
        } else {
            let quarters = self.kind.exact;
            let (a, b) = if quarters {
                (25 * (1 + self.random.below(2)), 25)
            } else {
                (1 + self.random.below(60), 1 + self.random.below(38))
            };
            let mut percents = vec![a, b];
            percents.truncate(n - 1);
            let left = 100 - percents.iter().sum::<usize>();
            said = percents.iter().chain([&left]).map(|p| format!("{p}%")).collect();
            forms = percents.iter().map(|p| Form::Share(*p as f64 / 100.0)).collect();
            forms.push(Form::Rest);
        }
        if let (true, Some(last)) = (rest, said.last_mut()) {
            *last = "rest".into();
        }
        let parts: Vec<String> = spots.iter().zip(&said).map(|(spot, said)| format!("{}: {said}", spot.text)).collect();
        Target { text: format!("{{ {} }}", parts.join("; ")), spots, forms, demand }
    }

    /// Remembers what a move does, and writes a `let` of what it asks for.
    fn edge(
        &mut self,
        name: &str,
        leg: Option<usize>,
        k: bool,
        (flow, two_way, dated): (bool, bool, bool),
        from: &Spot,
        target: &Target,
    ) {
        let leg_name = leg.map_or(String::new(), |leg| format!(".{leg}"));
        let asked = format!("rq_{name}{}", leg.map_or(String::new(), |leg| format!("_{leg}")));
        let (shape, own) = if k { ("[k in K]", "[k]") } else { ("", "") };
        self.say(format!("let {asked}{shape} = requested({name}{own}{leg_name})"));
        let summed = format!("sum_{name}{}", leg.map_or(String::new(), |leg| format!("_{leg}")));
        let sums = self.random.chance(40);
        if sums {
            self.say(format!("let {summed}{shape} = total({name}{own}{leg_name})"));
        }
        for member in 0..if k { 3 } else { 1 } {
            let suffix = suffix(k, member);
            let size = |form: &Form| match form {
                Form::Rest => Size::Rest,
                Form::Share(share) => Size::Share(*share),
                Form::Column(name) => Size::Column(format!("{name}{suffix}")),
                Form::Of(i, names) => Size::Of(*i, names.iter().map(|name| format!("{name}{suffix}")).collect()),
            };
            self.edges.push(Edge {
                column: format!("{name}{suffix}{leg_name}"),
                requested: format!("{asked}{suffix}"),
                total: sums.then(|| format!("{summed}{suffix}")),
                factor: leg.map(|_| format!("{name}{suffix}")),
                flow,
                two_way,
                dated,
                from: from.of(member),
                parts: target.spots.iter().zip(&target.forms).map(|(s, form)| (s.of(member), size(form))).collect(),
            });
        }
    }

    /// What may run either way.
    fn two_way(&mut self) {
        let k = self.random.chance(30);
        let Some((from, to)) = self.ends(k, false, 1) else { return };
        let to = to[0].clone();
        if self.here.sealed.contains(&to.base) {
            return;
        }
        let sources = bases(&[from.clone(), to.clone()]);
        let Some(short) = self.limit(&sources, &[], true, false) else { return };
        let name = self.name("w");
        let value = self.over(k.then_some("k"), None, Self::amount);
        let value = if from.is_cloud() || to.is_cloud() { value } else { format!("({value} - {})", to.text) };
        let unsafe_too = self.kind.failures && self.random.chance(8);
        let most = |spot: &Spot| {
            if short.is_empty() && !spot.is_cloud() && !unsafe_too {
                format!("5% * {}", spot.text)
            } else {
                "500 TKN".into()
            }
        };
        let value = self.quantum(format!("clamp({value}, -{}, {})", most(&to), most(&from)), "TKN");
        let (months, shape) = (self.months(), if k { "[k in K]" } else { "" });
        let text = format!("flow {name}{shape}: {} <-> {} = {value} / ({months} month) {short}", from.text, to.text);
        self.put(text.trim_end().into());
        self.tag(match short {
            "" => "<->",
            "or skip" => "<-> or skip",
            _ => "<-> capped",
        });
        let crosses = from.is_cloud() || to.is_cloud();
        if crosses {
            self.tag("<-> with a cloud");
            self.crossing.push(name.clone());
        }
        let target = Target { text: String::new(), spots: vec![to], forms: vec![Form::Rest], demand: None };
        self.edge(&name, None, k, (true, true, false), &from, &target);
        let mut made = Made { sources: if short.is_empty() { Vec::new() } else { sources }, ..Made::default() };
        if k {
            made.of_k.push(format!("{name}[k] * (1 month)"));
        } else {
            made.amounts.push(format!("({name} * (1 month))"));
            self.moves.push(name);
        }
        self.publish(made, false);
    }

    /// A transfer of several legs.
    fn trade(&mut self, dated: bool) {
        let k = self.random.chance(30);
        let count = 2 + self.random.below(2);
        let mut legs: Vec<(bool, Spot, Vec<Spot>)> = Vec::new();
        for i in 0..count {
            let dollars = i > 0 && self.random.chance(40);
            let targets = if self.random.chance(20) { 2 } else { 1 };
            let Some((mut from, to)) = self.ends(k, dollars, targets) else { return };
            if let Some((_, same, _)) =
                legs.last().filter(|(d, same, _)| *d == dollars && !to.iter().any(|t| t.meets(same)))
                && self.random.chance(30)
            {
                from = same.clone();
            }
            legs.push((dollars, from, to));
        }
        let from: Vec<Spot> = legs.iter().map(|l| l.1.clone()).collect();
        let (sources, mut targets) = (bases(&from), Vec::new());
        legs.iter().for_each(|l| targets.extend(bases(&l.2)));
        let Some(short) = self.limit(&sources, &targets, true, true) else { return };
        let (name, shape, own) = (self.name("t"), if k { "[k in K]" } else { "" }, if k { "[k]" } else { "" });
        let mut head = format!("transfer {name}{shape} {{");
        let mut made = Made { sources: if short.is_empty() { Vec::new() } else { sources.clone() }, ..Made::default() };
        let mut edges = Vec::new();
        let mut crosses = false;
        for (i, (dollars, from, to)) in legs.into_iter().enumerate() {
            let target = self.target(k, &from, to, false, dated, None);
            // Whether next to nothing is asked for or nothing at all decides whether a source without anything matters.
            let least = if self.kind.jumps || short.is_empty() { 0 } else { 1 };
            let mut demand = self.demand(k, dollars, least, short.is_empty().then_some(&from));
            // One leg may ask for as much as another.
            let follows = i > 0 && !dated && !dollars && !made.amounts.is_empty() && !short.is_empty();
            if follows && self.random.chance(30) {
                demand = format!("requested({name}{own}.1)");
            }
            head += &format!("\n  {} -> {} = {demand}", from.text, target.text);
            if target.spots.len() > 1 {
                self.tag("split of a leg");
                self.count_parts(&target, k);
            }
            crosses |= !dollars && (from.is_cloud() || target.spots.iter().any(Spot::is_cloud));
            if !dollars {
                made.amounts.push(format!("{name}.{}", i + 1));
                made.memories.push(format!("{name}.{}", i + 1));
                made.of_k.push(format!("{name}[k].{}", i + 1));
            }
            edges.push((i + 1, from, target));
        }
        let timing = self.timing(k, dated);
        self.transfer(&(head + "\n}"), &timing, short);
        let same = (1..edges.len()).any(|i| !edges[i].1.is_cloud() && edges[i].1.base == edges[i - 1].1.base);
        for (leg, from, target) in edges {
            self.edge(&name, Some(leg), k, (false, false, dated), &from, &target);
        }
        for tag in [
            if count == 2 { "trade of two legs" } else { "trade of three legs" },
            match short {
                "" => "trade without a limit",
                "capped" => "trade capped",
                "capped first" => "trade capped first",
                _ => "trade or skip",
            },
            match &timing[..4] {
                _ if dated => "trade on a date",
                "when" => "trade when",
                "once" => "trade once when",
                _ => "trade each step",
            },
        ] {
            self.tag(tag);
        }
        if same {
            self.tag("legs of one source");
        }
        if k {
            self.tag("array of trades");
            made.amounts.clear();
            made.memories.clear();
            self.array_trades.push(name.clone());
            made.plains.extend(K.map(|k| format!("{name}[{k}]")));
        } else {
            made.of_k.clear();
            made.plains.push(name.clone());
            self.trades.push(name.clone());
        }
        if !self.kind.jumps {
            // The factor of next to nothing from an empty source may be 0 as well as 1.
            made.plains.clear();
        }
        self.crossing.extend(crosses.then(|| name.clone()));
        self.publish(made, dated);
    }

    /// A cohort that ages.
    fn older(&mut self) {
        let last = self.numbers.len() - 1;
        let g = "g".to_string();
        if last == 0 || self.aged || self.here.sealed.contains(&g) {
            return;
        }
        self.aged = true;
        self.here.uncapped.push(g);
        let value = format!("{}% * g[n]", 1 + self.random.below(60));
        let value = self.quantum(value, "TKN");
        let split = self.random.chance(50) && !self.here.sealed.contains(&"s0".into());
        let (target, sizes) = if split {
            ("{ g[n + 1]: 75%; s0: rest }", vec![Size::Share(0.75), Size::Rest])
        } else {
            ("g[n + 1]", vec![Size::Rest])
        };
        let head = format!("transfer older[n in N where n < {last}]: g[n] -> {target} = {value}");
        self.transfer(&head, "each step", "");
        self.say(format!("let rq_older[n in N where n < {last}] = requested(older[n])"));
        for n in 0..last {
            self.edges.push(Edge {
                column: format!("older[{n}]"),
                requested: format!("rq_older[{n}]"),
                total: None,
                factor: None,
                flow: false,
                two_way: false,
                dated: false,
                from: Some(format!("g[{n}]")),
                parts: [format!("g[{}]", n + 1), "s0".into()].map(Some).into_iter().zip(sizes.clone()).collect(),
            });
        }
    }
}

/// The declarations of stocks at some ends.
fn bases(spots: &[Spot]) -> Vec<String> {
    spots.iter().filter(|s| !s.is_cloud()).map(|s| s.base.clone()).collect()
}
