//! The ledger: every edge takes from a stock what it gives to another, and only a cloud makes or loses anything.
//!
//! Both ends of an edge have one dimension, so what holds of each edge holds of all stocks of a dimension together.

use num_rational::BigRational;
use num_traits::{Signed, Zero};

use super::constant::{Fold, constant};
use super::{ConserveFacts, Facts, OpeningTotal, Ty, member_names};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::hir::{
    Conserve, Decl, DeclId, DeclKind, Except, ExprId, ExprKind, Model, Move, Place, PlaceKind, Spawn, SpawnKind, Timing,
};
use crate::source::SourceMap;
use crate::units::{Dim, magnitude, to_f64};

/// An exact total may have a denominator of so many bits.
const MOST_BITS: u64 = 4096;

pub(super) struct Ledger<'a> {
    pub(super) model: &'a Model,
    pub(super) sources: &'a SourceMap,
    pub(super) facts: &'a Facts,
    /// What is looked at is what a scenario sets.
    pub(super) in_scenario: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

pub(super) fn check(model: &Model, sources: &SourceMap, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) {
    // What is constant is remembered from one declaration to the next.
    let (mut fold, mut rough) = (Fold::new(model, facts), Fold::new(model, facts));
    rough.rough = true;
    let mut ledger = Ledger { model, sources, facts, in_scenario: false, diagnostics: Vec::new() };
    for (id, decl, m) in model.moves() {
        ledger.edge(&mut rough, id, decl, m);
        ledger.split(&mut rough, id, decl, m);
        if m.trade.is_none() {
            ledger.moment(decl, &m.timing);
        }
    }
    for (id, decl) in model.decls() {
        match &decl.kind {
            DeclKind::Trade(trade) => ledger.moment(decl, &trade.timing),
            DeclKind::Update { state, .. } => ledger.update(id, decl, *state),
            _ => {}
        }
    }
    ledger.life(&mut rough);
    ledger.scenarios(&mut fold);
    ledger.goals(&mut fold);
    for (id, decl) in model.decls() {
        match &decl.kind {
            // What a scenario sets is looked at with the scenario.
            DeclKind::Stock { set: Some(set), .. }
                if model.scenarios.iter().any(|s| s.settings.contains(&(id, *set))) => {}
            DeclKind::Stock { opening, set, signed, range, .. } => {
                ledger.opening(&mut fold, id, decl, set.unwrap_or(*opening), *signed, *range);
            }
            // What a setting gives is the call's, and is checked when a run starts.
            DeclKind::Param { value, set: None, range, .. } => {
                ledger.opening(&mut fold, id, decl, *value, true, *range)
            }
            _ => {}
        }
    }
    let conserves = model.conserves.iter().enumerate().map(|(i, c)| ledger.conserve(&mut fold, i, c)).collect();
    diagnostics.append(&mut ledger.diagnostics);
    facts.conserves = conserves;
}

impl Ledger<'_> {
    pub(super) fn dim(&self, id: DeclId) -> Option<&Dim> {
        match &self.facts.decl(id).ty {
            Ty::Number(dim) => Some(dim),
            _ => None,
        }
    }

    pub(super) fn stock(&self, place: &Place) -> Option<DeclId> {
        match place.kind {
            PlaceKind::Decl(id) if matches!(self.model.decl(id).kind, DeclKind::Stock { .. }) => Some(id),
            _ => None,
        }
    }

    pub(super) fn show(&self, id: DeclId) -> String {
        self.model.units.name(&self.facts.decl(id).shown)
    }

    fn edge(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, m: &Move) {
        for place in m.ends() {
            self.end(decl, place);
        }
        let clouds = |p: &Place| p.kind == PlaceKind::Cloud;
        if let (true, Some(cloud)) = (clouds(&m.from), m.to.iter().map(|p| &p.place).find(|p| clouds(p))) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0404,
                    format!("`{}` flows from outside the model to outside", decl.name),
                    m.from.span.to(cloud.span),
                    "no stock sees it",
                )
                .help("let one end be a stock, or make it a `let` if it is only to be worked out"),
            );
        }
        // One mistake a move: a target that is its source is not of another unit as well.
        let targets: Vec<&Place> = m.to.iter().map(|p| &p.place).collect();
        if !targets.iter().any(|to| self.returns(fold, id, decl, &m.from, to)) {
            let ends: Vec<&Place> = m.ends().filter(|p| self.stock(p).is_some()).collect();
            let _ = ends.iter().skip(1).any(|to| self.two_units(id, decl, ends[0], to));
        }
        if m.is_split() {
            self.twice(fold, id, decl, &targets);
        }
    }

    /// An end holds something, or lies outside the model.
    pub(super) fn end(&mut self, decl: &Decl, place: &Place) {
        let PlaceKind::Decl(id) = place.kind else { return };
        let end = self.model.decl(id);
        if self.stock(place).is_some() || matches!(end.kind, DeclKind::Unknown) {
            return;
        }
        let remark = match end.word {
            "state" => "a state is memory, and holds nothing",
            "param" => "a param is a number, and holds nothing",
            "flow" | "transfer" => "it moves things, and holds nothing",
            _ => "it is worked out, and holds nothing",
        };
        let stocks = self.model.decls.iter().filter(|d| d.word == "stock").map(|d| d.name.as_str());
        let meant = did_you_mean(&end.name, stocks);
        self.diagnostics.push(
            Diagnostic::new(
                Code::E0403,
                format!("`{}` is a {}, and no end of a {}", end.name, end.word, decl.word),
                place.span,
                remark,
            )
            .label(end.span, format!("`{}` is declared here", end.name))
            .help(match meant {
                Some(meant) => format!("did you mean the stock `{meant}`?"),
                None => format!("an end is a `stock` or `cloud`: declare `stock {}: UNIT = …`", end.name),
            }),
        );
    }

    /// Whether a move ends where it began.
    fn returns(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, from: &Place, to: &Place) -> bool {
        if self.stock(from).is_none() || self.stock(from) != self.stock(to) || !self.same_member(fold, id, from, to) {
            return false;
        }
        let name = self.sources.text(from.span);
        let split = self.model.edge(id).is_some_and(Move::is_split);
        // What is said of a member of an entity is said of each.
        let (whose, help) = match decl.axes.get(usize::from(decl.entity.is_some())) {
            None if split => {
                (String::new(), format!("what stays in `{name}` need not move: leave this part out, and let less flow"))
            }
            None => (String::new(), "let it end in another stock".to_string()),
            Some(_) => (" for some member".into(), "leave that member out: `[i in Index where …]`".into()),
        };
        self.diagnostics.push(
            Diagnostic::new(
                Code::E0404,
                format!("`{}` flows from `{name}` to itself{whose}", decl.name),
                from.span.to(to.span),
                "nothing changes",
            )
            .help(help),
        );
        true
    }

    /// Whether two ends hold different things.
    pub(super) fn two_units(&mut self, id: DeclId, decl: &Decl, a: &Place, b: &Place) -> bool {
        let (Some(from), Some(to)) = (self.stock(a), self.stock(b)) else { return false };
        let (Some(da), Some(db)) = (self.dim(from), self.dim(to)) else { return false };
        if da == db {
            return false;
        }
        let (ua, ub) = (self.show(from), self.show(to));
        let (na, nb) = (&self.model.decl(from).name, &self.model.decl(to).name);
        let trade = self.model.edge(id).is_some_and(|m| m.trade.is_some());
        let help = if trade {
            format!("a leg moves one thing: write a leg from `{na}` for {ua}, and one to `{nb}` for {ub}")
        } else {
            format!(
                "what is exchanged is two legs of one transfer, {ua} one way and {ub} at its price the other: `transfer swap {{ … }}`"
            )
        };
        self.diagnostics.push(
            Diagnostic::new(
                Code::E0402,
                format!("`{}` takes {ua} and gives {ub}", decl.name),
                b.span,
                format!("`{nb}` holds {ub}, declared in line {}", self.line(to)),
            )
            .label(a.span, format!("`{na}` holds {ua}, declared in line {}", self.line(from)))
            .help(help),
        );
        true
    }

    /// Two parts of a split that go to one stock were meant for two.
    fn twice(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, targets: &[&Place]) {
        for (i, later) in targets.iter().enumerate() {
            let known = self.stock(later).is_some();
            let Some(first) = targets[..i].iter().find(|first| {
                known && self.stock(first) == self.stock(later) && self.same_member(fold, id, first, later)
            }) else {
                continue;
            };
            let name = self.sources.text(later.span);
            let each = decl.axes.len() == usize::from(decl.entity.is_some());
            let whose = if each { "" } else { ", for some member" };
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0412,
                    format!("two parts of `{}` go to `{name}`{whose}", decl.name),
                    later.span,
                    "a second part here",
                )
                .label(first.span, "the first")
                .help("write its share once, or name the stock that was meant"),
            );
            return;
        }
    }

    /// Something has to say when what is no flow moves.
    fn moment(&mut self, decl: &Decl, timing: &Timing) {
        // Where there are phases it stands in none, and that has been said.
        if matches!(timing, Timing::Missing) && self.model.phases.is_empty() {
            self.diagnostics.push(
                Diagnostic::new(Code::E0408, format!("nothing says when `{}` moves", decl.name), decl.whole, "a transfer moves at once, and at a time")
                    .help("add `at 12 month`, `every 3 month`, `when condition`, `once when condition` or `each step`; what moves all the time is a `flow`"),
            );
        }
    }

    /// Whether two ends are one stock, for some member of the move.
    fn same_member(&self, fold: &mut Fold, id: DeclId, a: &Place, b: &Place) -> bool {
        let mut env = fold.env();
        let mut same = |env: &mut Vec<u32>| {
            a.at.iter().zip(&b.at).all(|(a, b)| {
                // Of those that live, the member itself is the one that is known.
                if let (ExprKind::Member(a), ExprKind::Member(b)) =
                    (&self.model.expr(*a).kind, &self.model.expr(*b).kind)
                    && self.model.lives(self.model.binder(*a).index)
                {
                    return a == b;
                }
                let (a, b) = (fold.value(*a, env), fold.value(*b, env));
                a.is_some() && a == b
            })
        };
        let Some(shape) = self.facts.shape(id) else { return same(&mut env) };
        (0..shape.len).any(|offset| {
            self.model.decl(id).axes.iter().zip(shape.members(offset)).for_each(|(b, m)| env[b.0 as usize] = m);
            same(&mut env)
        })
    }

    fn line(&self, id: DeclId) -> usize {
        self.sources.position(self.model.decl(id).span).map_or(0, |(line, _)| line)
    }

    /// Constant openings, or a param's defaults, within their bounds: of an array, the first that is not.
    pub(super) fn opening(
        &mut self,
        fold: &mut Fold,
        id: DeclId,
        decl: &Decl,
        opening: ExprId,
        signed: bool,
        range: Option<(ExprId, ExprId)>,
    ) {
        if self.dim(id).is_none() || (signed && range.is_none()) {
            return;
        }
        let mut env = fold.env();
        let Some(shape) = self.facts.shape(id) else {
            self.opens(fold, &mut env, (id, decl, &decl.name), opening, signed, range);
            return;
        };
        for offset in 0..shape.len {
            let members = shape.members(offset);
            decl.axes.iter().zip(&members).for_each(|(b, m)| env[b.0 as usize] = *m);
            let name = match member_names(self.model, id, &members) {
                names if names.is_empty() => decl.name.clone(),
                names => format!("{}[{names}]", decl.name),
            };
            if self.opens(fold, &mut env, (id, decl, &name), opening, signed, range) {
                return;
            }
        }
    }

    /// One opening; whether something is wrong with it.
    fn opens(
        &mut self,
        fold: &mut Fold,
        env: &mut Vec<u32>,
        (id, decl, name): (DeclId, &Decl, &str),
        opening: ExprId,
        signed: bool,
        range: Option<(ExprId, ExprId)>,
    ) -> bool {
        let before = self.diagnostics.len();
        let Some(value) = fold.value(opening, env) else { return false };
        let opening = self.cell(opening, env);
        let span = self.model.expr(opening).span;
        let unit = self.show(id);
        let scale = self.model.units.scale(&self.facts.decl(id).shown);
        let written = if unit == "1" { String::new() } else { format!(" {unit}") };
        let show = |v: &BigRational| format!("{}{written}", magnitude(to_f64(&(v / &scale)), 12));
        if !signed && value.is_negative() {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0407,
                    format!("`{name}` opens below zero"),
                    span,
                    format!("this is {}", show(&value)),
                )
                .help(format!("a stock that may owe is `signed`: `stock {}: {unit} = … signed`", decl.name)),
            );
        }
        if let Some((low, high)) = range {
            let (low, high) = (fold.value(low, env), fold.value(high, env));
            let outside = low.as_ref().is_some_and(|l| value < *l) || high.as_ref().is_some_and(|h| value > *h);
            if let (true, Some(low), Some(high)) = (outside, low, high) {
                let (fact, help) = if low > high {
                    ("has bounds that nothing lies between", "write the lower bound first: `in low .. high`")
                } else if self.in_scenario {
                    ("is set outside its bounds", "change the value or the bounds")
                } else if decl.word == "param" {
                    ("has a default outside its bounds", "change the default or the bounds")
                } else {
                    ("opens outside its bounds", "change the opening or the bounds")
                };
                let label = format!("this is {}, and {} to {} is allowed", show(&value), show(&low), show(&high));
                self.diagnostics.push(Diagnostic::new(Code::E0407, format!("`{name}` {fact}"), span, label).help(help));
            }
        }
        self.diagnostics.len() > before
    }

    /// The cell of an array value that counts for these members.
    fn cell(&self, e: ExprId, env: &[u32]) -> ExprId {
        match &self.model.expr(e).kind {
            ExprKind::Cells { at, cells, otherwise } => {
                let found = cells.binary_search_by_key(&env[at.0 as usize], |(p, _)| *p).ok().map(|i| cells[i].1);
                found.or(*otherwise).map_or(e, |cell| self.cell(cell, env))
            }
            _ => e,
        }
    }

    fn conserve(&mut self, fold: &mut Fold, index: usize, conserve: &Conserve) -> ConserveFacts {
        let units = &self.model.units;
        let dim = &units.get(conserve.unit).dim;
        let name = &units.get(conserve.unit).name;
        let stocks: Vec<DeclId> = self
            .model
            .decls()
            .filter(|(id, d)| matches!(d.kind, DeclKind::Stock { .. }) && self.dim(*id) == Some(dim))
            .map(|(id, _)| id)
            .collect();
        if let Some(first) = self.model.conserves[..index].iter().find(|c| units.get(c.unit).dim == *dim) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0102,
                    format!("`conserve {name}` stands twice"),
                    conserve.span,
                    "and again here",
                )
                .label(first.span, "first here")
                .help("keep one of them"),
            );
        }
        // A stock that could not be read may be the one that was meant.
        let unreadable = self.model.decls.iter().any(|d| d.word == "stock" && matches!(d.kind, DeclKind::Unknown))
            || self.model.incomplete.stocks;
        if stocks.is_empty() && !unreadable {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0409,
                    format!("no stock holds {name}"),
                    conserve.unit_span,
                    "so there is nothing to conserve",
                )
                .help(format!("declare one, `stock s: {name} = 0`, or remove this line")),
            );
        }
        let meant = self.exceptions(conserve, dim, name);
        for (id, decl, m) in self.model.moves() {
            let named = &self.model.decl(self.model.whole(id)).name;
            let flow = |n: &str| n == named || decl.entity.is_some() && named.ends_with(&format!(".{n}"));
            let excepted = conserve.except.iter().any(|e| e.life.is_none() && flow(&e.name)) || meant.contains(named);
            if let (false, Some((inside, cloud))) = (excepted, self.crosses(m, dim)) {
                self.leak(conserve, name, decl, named, (m, inside, cloud));
            }
        }
        self.lives(conserve, dim, name, fold);
        // Where there are no stocks, that is the mistake.
        let total = conserve
            .total
            .filter(|_| !stocks.is_empty() && !self.model.incomplete.stocks)
            .map(|e| self.total(fold, e, &stocks, name, conserve));
        ConserveFacts { stocks, total }
    }

    /// The stock of this dimension and the cloud between which a move runs.
    fn crosses<'m>(&self, m: &'m Move, dim: &Dim) -> Option<(DeclId, &'m Place)> {
        let cloud = m.ends().find(|p| p.kind == PlaceKind::Cloud)?;
        let inside = m.ends().find_map(|p| self.stock(p).filter(|id| self.dim(*id) == Some(dim)))?;
        Some((inside, cloud))
    }

    fn leak(
        &mut self,
        conserve: &Conserve,
        unit: &str,
        decl: &Decl,
        named: &str,
        (m, inside, cloud): (&Move, DeclId, &Place),
    ) {
        let stock = self.model.decl(inside);
        let makes = m.from.kind == PlaceKind::Cloud;
        let fact = match (m.two_way, makes) {
            (true, _) => format!("`{}` makes {unit} out of nothing, or lets it vanish", decl.name),
            (false, true) => format!("`{}` makes {unit} out of nothing", decl.name),
            (false, false) => format!("`{}` lets {unit} vanish", decl.name),
        };
        let others: Vec<String> = self
            .model
            .moves()
            .filter(|(_, d, o)| d.span != decl.span && o.ends().any(|p| p.kind == PlaceKind::Decl(inside)))
            .map(|(_, d, _)| format!("`{}`", d.name))
            .take(8)
            .collect();
        let written = self.sources.text(conserve.span);
        let more = if conserve.except.is_empty() { " except" } else { "," };
        let mut error = Diagnostic::new(
            Code::E0401,
            format!("{fact}, and {unit} is conserved"),
            cloud.span,
            "this is outside the model",
        )
        .label(decl.span, format!("`{}` changes `{}`", decl.name, stock.name))
        .label(conserve.span, format!("{unit} is conserved here"))
        .help(format!("let it run between two stocks, or allow it: `{written}{more} {named}`"))
        .fix(conserve.span.after(), format!("{more} {named}"));
        if !others.is_empty() {
            error = error.note(format!("`{}` is also changed by {}", stock.name, others.join(", ")));
        }
        self.diagnostics.push(error);
    }

    /// Checks what is excepted, and gives the names that were meant by misspelt ones.
    fn exceptions(&mut self, conserve: &Conserve, dim: &Dim, unit: &str) -> Vec<String> {
        let mut all_meant = Vec::new();
        let unknown = |m: &Move| m.ends().any(|p| p.kind == PlaceKind::Unknown);
        let crossing: Vec<&Decl> = self
            .model
            .moves()
            .filter(|(_, _, m)| unknown(m) || self.crosses(m, dim).is_some())
            .map(|(id, ..)| self.model.decl(self.model.whole(id)))
            .collect();
        for Except { name, span, life } in &conserve.except {
            if life.is_some() || crossing.iter().any(|d| d.name == *name || d.name.ends_with(&format!(".{name}"))) {
                continue;
            }
            let decl = self.model.decls.iter().find(|d| d.name == *name && !["update", "expect"].contains(&d.word));
            let unreadable = decl.is_none() && self.model.incomplete.moves;
            if unreadable || decl.is_some_and(|d| matches!(d.kind, DeclKind::Unknown)) {
                continue;
            }
            let (fact, label) = match decl {
                None => (format!("there is no flow `{name}` to except"), "nothing declares it".to_string()),
                Some(d) if matches!(d.kind, DeclKind::Move(_) | DeclKind::Trade(_)) => {
                    (format!("`{name}` moves no {unit} across the boundary"), "nothing to except".into())
                }
                Some(d) => {
                    (format!("`{name}` is a {}, and moves nothing", d.word), "a flow or transfer is wanted here".into())
                }
            };
            let error = Diagnostic::new(Code::E0406, fact, *span, label);
            // Thousands of names with thousands of others would take minutes.
            let few = crossing.len() * conserve.except.len() < 1_000_000;
            let near = crossing.iter().map(|d| d.name.as_str()).take(if few { usize::MAX } else { 0 });
            let meant = did_you_mean(name, near);
            all_meant.extend(meant.map(String::from));
            self.diagnostics.push(match meant {
                Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(*span, meant),
                None => error.help("remove it: an exception that excepts nothing hides a mistake later"),
            });
        }
        all_meant
    }

    /// What a stock, or all members of it, open with.
    fn opened(&self, fold: &mut Fold, id: DeclId, opening: ExprId) -> Option<BigRational> {
        let Some(shape) = self.facts.shape(id) else { return constant(self.facts, opening) };
        let mut env = fold.env();
        let mut sum = BigRational::zero();
        for offset in 0..shape.len {
            sum += fold.bound(id, &shape.members(offset), opening, &mut env)?;
            // With ever new denominators an exact sum grows without end; such a total is checked when a run starts.
            if sum.denom().bits() > MOST_BITS {
                return None;
            }
        }
        Some(sum)
    }

    /// Whether the stocks open with the total that is stated: proved where all is constant.
    fn total(
        &mut self,
        fold: &mut Fold,
        total: ExprId,
        stocks: &[DeclId],
        unit: &str,
        conserve: &Conserve,
    ) -> OpeningTotal {
        let Some(wanted) = constant(self.facts, total) else { return OpeningTotal::AtStart };
        let mut sum = BigRational::zero();
        let mut parts = Vec::new();
        let scale = self.model.units.scale(&crate::units::Unit::of(conserve.unit));
        let show = |v: &BigRational| magnitude(to_f64(&(v / &scale)), 15);
        for id in stocks {
            let decl = self.model.decl(*id);
            let DeclKind::Stock { opening, set, from, .. } = &decl.kind else { continue };
            let (opening, set) = (*opening, *set);
            if let Some(entity) = decl.entity {
                // What newborns take from a stock was there before; what they bring is known when they are born.
                let first = |s: &Spawn| s.entity == entity && matches!(s.how, SpawnKind::Initially);
                let brings = from.as_ref().is_some_and(|p| p.kind == PlaceKind::Cloud);
                if brings && self.model.spawns.iter().any(first) {
                    return OpeningTotal::AtStart;
                }
                continue;
            }
            let Some(value) = self.opened(fold, *id, set.unwrap_or(opening)) else { return OpeningTotal::AtStart };
            if !value.is_zero() {
                parts.push((
                    set.unwrap_or(opening),
                    format!("`{}` opens with {} {unit}", self.model.decl(*id).name, show(&value)),
                ));
            }
            sum += value;
        }
        if sum != wanted {
            let span = self.model.expr(total).span;
            let off = &sum - &wanted;
            let word = if off.is_positive() { "more" } else { "less" };
            let mut error = Diagnostic::new(
                Code::E0405,
                format!("the stocks open with {} {unit}, which is {} {word} than stated", show(&sum), show(&off.abs())),
                span,
                format!("{} {unit} is stated here", show(&wanted)),
            );
            for (e, text) in parts.into_iter().take(8) {
                error = error.label(self.model.expr(e).span, text);
            }
            self.diagnostics.push(error.help(format!("change an opening, or state `{} {unit}`", show(&sum))));
        }
        OpeningTotal::Proved
    }
}
