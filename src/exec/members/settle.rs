//! Settlement: what moves ask for, what they get, and what stocks then hold; of members a column at a time.
//!
//! In: what the code of a phase has worked out. Out: what moved, and what lands. Each member's stock is a source of its own, and each
//! member's move a move of its own: first in order of declaration, then of number.

use super::code::{View, place};
use super::run::{Checked, Run};
use super::{Asking, Reg};
use crate::exec::{FaultKind, Value};
use crate::ir::{Model, Move, MoveId, ShortKind, TradeId, rounding};

/// Beyond this, shares are no shares, and the parts are not the whole.
pub(super) const WHOLE: f64 = 1e-9;

/// No stock: the cloud.
const CLOUD: u32 = u32::MAX;

/// An end of a move, for each member whose move it is.
#[derive(Clone, Debug, Default)]
pub(super) enum End {
    #[default]
    Cloud,
    /// The member's own stock; of a move of the model a stock of the model.
    Own(usize),
    /// A stock of the model, which many have in common.
    Shared(usize),
    /// A stock and the place of whose it is.
    Each(Vec<(u32, u32)>),
}

impl End {
    #[inline(always)]
    pub fn at(&self, i: usize) -> Option<(usize, usize)> {
        match self {
            End::Cloud => None,
            End::Own(stock) => Some((*stock, i)),
            End::Shared(stock) => Some((*stock, 0)),
            End::Each(all) => Some(all[i]).filter(|(s, _)| *s != CLOUD).map(|(s, i)| (s as usize, i as usize)),
        }
    }
}

/// The moves of a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    pub moves: Vec<u32>,
    /// The stocks at their ends, in order.
    pub stocks: Vec<usize>,
    /// Those among them that capped moves take from.
    pub capped: Vec<bool>,
    /// The moves that may end at each of them, in order.
    pub around: Vec<Vec<u32>>,
}

/// What a source has for limited moves.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    known: Known,
    left: Vec<f64>,
    /// What those want that share it, and the factor of what they get.
    all: Vec<f64>,
    factor: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    #[default]
    Nothing,
    Room,
    Pool,
    Left,
}

/// What moves in a step, by move, by part, and by stock.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// Each phase, and last what moves on a date.
    pub phases: Vec<Edges>,
    pub wanted: Vec<Vec<f64>>,
    pub got: Vec<Vec<f64>>,
    holds: Vec<Vec<bool>>,
    shares: Vec<Vec<f64>>,
    pub parts: Vec<Vec<f64>>,
    pub from: Vec<End>,
    pub to: Vec<End>,
    /// What has moved once and will not again.
    pub done: Vec<Vec<bool>>,
    pub peaks: Vec<Vec<f64>>,
    pub after: Vec<Vec<f64>>,
    rooms: Vec<Room>,
    pub short: Vec<u64>,
    pub missed: Vec<f64>,
    pub short_trades: Vec<u64>,
}

pub(super) fn at_least_0(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

impl Ledger {
    pub(super) fn new(model: &Model) -> Self {
        let count = model.work.len();
        let mut phases = vec![Edges::default(); count + 1];
        for (i, m) in model.moves.iter().enumerate() {
            let edges = &mut phases[if m.event.is_some() { count } else { m.phase }];
            edges.moves.push(i as u32);
            edges.stocks.extend(stocks_of(model, m));
        }
        for edges in &mut phases {
            edges.stocks.sort_unstable();
            edges.stocks.dedup();
            edges.capped = vec![false; edges.stocks.len()];
            edges.around = vec![Vec::new(); edges.stocks.len()];
            for (number, m) in edges.moves.iter().map(|m| (*m, &model.moves[*m as usize])) {
                for stock in stocks_of(model, m) {
                    if let Ok(at) = edges.stocks.binary_search(&stock)
                        && edges.around[at].last() != Some(&number)
                    {
                        edges.around[at].push(number);
                    }
                }
                let limited = m.trade.map_or(m.short, |t| model.trades[t.0 as usize].short);
                if matches!(limited, Some(ShortKind::Capped | ShortKind::CappedFirst)) {
                    let otherwise = |w: Option<u32>| w.and_then(|w| model.whose[w as usize].otherwise.flatten());
                    let back = model.parts(m).first().filter(|_| m.two_way);
                    let sources =
                        [m.from, otherwise(m.whose), back.and_then(|p| p.to), back.and_then(|p| otherwise(p.whose))];
                    for s in sources.into_iter().flatten() {
                        if let Ok(at) = edges.stocks.binary_search(&s) {
                            edges.capped[at] = true;
                        }
                    }
                }
            }
        }
        let (moves, parts, stocks) = (model.moves.len(), model.parts.len(), model.stocks.len());
        Self {
            phases,
            wanted: vec![Vec::new(); moves],
            got: vec![Vec::new(); moves],
            holds: vec![Vec::new(); moves],
            shares: vec![Vec::new(); parts],
            parts: vec![Vec::new(); parts],
            from: vec![End::Cloud; moves],
            to: vec![End::Cloud; parts],
            done: model.moves.iter().map(|m| vec![false; usize::from(m.of.is_none())]).collect(),
            peaks: model.stocks.iter().map(|s| vec![0.0; usize::from(s.of.is_none())]).collect(),
            after: vec![Vec::new(); stocks],
            rooms: vec![Room::default(); stocks],
            short: vec![0; moves],
            missed: vec![0.0; moves],
            short_trades: vec![0; model.trades.len()],
        }
    }
}

/// The stocks at which a move may end.
fn stocks_of<'m>(model: &'m Model, m: &'m Move) -> impl Iterator<Item = usize> + 'm {
    let ends = std::iter::once((m.from, m.whose)).chain(model.parts(m).iter().map(|p| (p.to, p.whose)));
    ends.flat_map(|(stock, whose)| {
        let otherwise = whose.and_then(|w| model.whose[w as usize].otherwise.flatten());
        stock.into_iter().chain(otherwise)
    })
}

/// What a column of amounts does to the stocks at an end, in order.
fn scatter(stocks: &mut [Vec<f64>], end: &End, amounts: &[f64], change: impl Fn(f64, f64) -> f64) {
    match end {
        End::Cloud => {}
        End::Own(s) => stocks[*s].iter_mut().zip(amounts).for_each(|(held, amount)| *held = change(*held, *amount)),
        End::Shared(s) => stocks[*s][0] = amounts.iter().fold(stocks[*s][0], |held, amount| change(held, *amount)),
        End::Each(all) => {
            for ((s, i), amount) in all.iter().zip(amounts).filter(|((s, _), _)| *s != CLOUD) {
                let held = &mut stocks[*s as usize][*i as usize];
                *held = change(*held, *amount);
            }
        }
    }
}

impl Run<'_> {
    /// How many have this move.
    pub(super) fn count(&self, m: u32) -> usize {
        self.model.moves[m as usize].of.map_or(1, |p| self.columns.alive[p.0 as usize])
    }

    /// Nothing has moved in this phase yet.
    pub(super) fn begin(&mut self, phase: usize) {
        for at in 0..self.ledger.phases[phase].moves.len() {
            self.clear(self.ledger.phases[phase].moves[at]);
        }
        for at in 0..self.ledger.phases[phase].stocks.len() {
            let stock = self.ledger.phases[phase].stocks[at];
            self.ledger.rooms[stock].known = Known::Nothing;
        }
    }

    /// The same of what moves on a date: what is not due asks for nothing.
    pub(super) fn begin_dated(&mut self, phase: usize, due: &[MoveId]) {
        self.begin(phase);
        let program = self.program;
        let rest: Vec<u32> =
            self.ledger.phases[phase].moves.iter().copied().filter(|m| !due.contains(&MoveId(*m))).collect();
        for m in rest {
            let n = self.count(m);
            for first in [program.taken, program.asked] {
                let column = &mut self.columns.cols[(first + m) as usize];
                column.clear();
                column.resize(n, 0.0);
            }
            if let Some(trade) = self.model.moves[m as usize].trade {
                let column = &mut self.columns.cols[(program.factors + trade.0) as usize];
                column.clear();
                column.resize(n, 0.0);
            }
        }
    }

    fn clear(&mut self, m: u32) {
        let (n, at) = (self.count(m), m as usize);
        let ledger = &mut self.ledger;
        for column in [&mut ledger.wanted[at], &mut ledger.got[at]] {
            column.clear();
            column.resize(n, 0.0);
        }
        ledger.holds[at].clear();
        ledger.holds[at].resize(n, false);
        ledger.from[at] = End::Cloud;
        let (first, last) = self.model.moves[at].parts;
        for part in first as usize..last as usize {
            ledger.parts[part].clear();
            ledger.parts[part].resize(n, 0.0);
            ledger.to[part] = End::Cloud;
        }
    }

    /// What a move asks for, and how it parts.
    pub(super) fn ask(&mut self, id: MoveId, asking: &Asking) -> Checked<()> {
        let (model, at) = (self.model, id.0 as usize);
        let m = &model.moves[at];
        let n = self.count(id.0);
        let dt = if m.flow { model.clock.dt } else { 1.0 };
        let mut holds = std::mem::take(&mut self.ledger.holds[at]);
        match asking.condition.map(|c| self.columns.view(c, n)) {
            Some(condition) => holds.iter_mut().enumerate().for_each(|(i, h)| *h = condition.at(i) != 0.0),
            None => holds.fill(true),
        }
        if m.once {
            holds.iter_mut().zip(&self.ledger.done[at]).for_each(|(h, done)| *h &= !done);
        }
        let ends = self.ends(id, asking, &holds);
        self.ledger.holds[at] = holds;
        let missing = ends.err();
        let parts = (m.parts.0 as usize, m.parts.1 as usize);
        let split = parts.1 - parts.0 > 1 || model.parts[parts.0].share.is_some();
        let (program, ledger) = (self.program, &mut self.ledger);
        let mut asked = std::mem::take(&mut self.columns.cols[(program.asked + id.0) as usize]);
        asked.clear();
        asked.resize(n, 0.0);
        let amount = self.columns.view(asking.amount, n);
        let reference = |ledger: &Ledger, i: usize| {
            let mut ends = std::iter::once(&ledger.from[at]).chain(&ledger.to[parts.0..parts.1]);
            ends.find_map(|end| end.at(i)).map_or(0.0, |(s, i)| ledger.peaks[s][i])
        };
        let of = |i: usize| m.of.map(|p| self.columns.col(program.numbers[p.0 as usize])[i] as u32);
        let shares: Vec<View> = asking.shares.iter().map(|reg| self.columns.view(*reg, n)).collect();
        let plain = asking.condition.is_none() && !m.once && !split && missing.is_none();
        if plain {
            asked.iter_mut().enumerate().for_each(|(i, asked)| *asked = amount.at(i));
        }
        // Where nobody asks for what cannot be, nobody has to be looked at alone.
        let fine = |value: &f64| (value.abs() < f64::INFINITY) & ((*value >= 0.0) | m.two_way);
        if plain && (self.last || asked.iter().fold(true, |all, value| all & fine(value))) {
            ledger.wanted[at].iter_mut().zip(&asked).for_each(|(wanted, asked)| *wanted = asked * dt);
            let wanted = &ledger.wanted[at];
            ledger.got[at].copy_from_slice(wanted);
        } else {
            for (i, asked) in asked.iter_mut().enumerate() {
                if let Some((at, stock, number)) = missing
                    && at == i
                {
                    return Err(FaultKind::Nobody { stock, number }.of(of(i)));
                }
                let mut value = if ledger.holds[at][i] { amount.at(i) } else { 0.0 };
                if !self.last {
                    if !value.is_finite() {
                        return Err(FaultKind::NotFinite { what: Value::Move(id), value }.of(of(i)));
                    }
                    if value < 0.0 && !m.two_way {
                        if value * dt < -rounding(self.step) * reference(ledger, i) {
                            return Err(FaultKind::Backward { moved: id, value }.of(of(i)));
                        }
                        value = 0.0;
                    }
                    if m.once && ledger.holds[at][i] {
                        ledger.done[at][i] = true;
                    }
                }
                *asked = value;
                ledger.wanted[at][i] = value * dt;
                ledger.got[at][i] = value * dt;
                if split && ledger.holds[at][i] {
                    let size = reference(ledger, i);
                    if let Err(kind) = said(ledger, model, id, i, n, &shares, (value, size, self.step, self.last)) {
                        return Err(kind.of(of(i)));
                    }
                }
            }
        }
        let taken = &mut self.columns.cols[(program.taken + id.0) as usize];
        taken.clone_from(&asked);
        self.columns.cols[(program.asked + id.0) as usize] = asked;
        if split {
            (0..n).for_each(|i| self.divide(at, i));
        } else {
            let ledger = &mut self.ledger;
            ledger.parts[parts.0].clone_from(&ledger.got[at]);
        }
        Ok(())
    }

    /// The ends of a move, for each member; the first that misses somebody says so.
    fn ends(&mut self, id: MoveId, asking: &Asking, holds: &[bool]) -> Result<(), (usize, usize, f64)> {
        let model = self.model;
        let m = &model.moves[id.0 as usize];
        let mut missing: Option<(usize, usize, f64)> = None;
        let mut first = |found: Option<(usize, usize, f64)>| {
            if let Some(found) = found
                && missing.is_none_or(|before| found.0 < before.0)
            {
                missing = Some(found);
            }
        };
        let (from, lacks) = self.end(m.from, m.whose, asking.from, m.of.is_some(), holds);
        self.ledger.from[id.0 as usize] = from;
        first(lacks);
        for (n, part) in model.parts(m).iter().enumerate() {
            let (to, lacks) = self.end(part.to, part.whose, asking.to[n], m.of.is_some(), holds);
            self.ledger.to[m.parts.0 as usize + n] = to;
            first(lacks);
        }
        missing.map_or(Ok(()), Err)
    }

    /// One end, and the first who misses somebody: the place, the stock and what stands for the number.
    pub(super) fn end(
        &self,
        stock: Option<usize>,
        whose: Option<u32>,
        reference: Option<Reg>,
        of_member: bool,
        holds: &[bool],
    ) -> (End, Option<(usize, usize, f64)>) {
        let model = self.model;
        let own = |stock: usize| {
            if of_member && model.stocks[stock].of.is_none() { End::Shared(stock) } else { End::Own(stock) }
        };
        let Some(stock) = stock else { return (End::Cloud, None) };
        let (Some(whose), Some(reference)) = (whose, reference) else { return (own(stock), None) };
        let whose = &model.whose[whose as usize];
        let numbers = self.columns.col(self.program.numbers[whose.population.0 as usize]);
        let reference = self.columns.view(reference, holds.len());
        let otherwise = whose.otherwise.map(|o| o.map_or(End::Cloud, own));
        let mut missing = None;
        let all = holds.iter().enumerate().map(|(i, holds)| match place(numbers, reference.at(i)) {
            Some(at) => (stock as u32, at as u32),
            None => {
                if otherwise.is_none() && *holds && !self.last && missing.is_none() {
                    missing = Some((i, stock, reference.at(i)));
                }
                let end = otherwise.as_ref().and_then(|end| end.at(i));
                end.map_or((CLOUD, 0), |(s, i)| (s as u32, i as u32))
            }
        });
        (End::Each(all.collect()), missing)
    }

    /// What each part of a split gets: the last has what the others leave.
    fn divide(&mut self, m: usize, i: usize) {
        let model = self.model;
        let of = &model.moves[m];
        let ledger = &mut self.ledger;
        let (first, last, got) = (of.parts.0 as usize, of.parts.1 as usize - 1, ledger.got[m][i]);
        if first == last && model.parts[first].share.is_none() {
            ledger.parts[first][i] = got;
            return;
        }
        if !ledger.holds[m][i] {
            (first..=last).for_each(|part| ledger.parts[part][i] = 0.0);
            return;
        }
        let wanted = ledger.wanted[m][i];
        let dt = if of.flow { model.clock.dt } else { 1.0 };
        let factor = if got == wanted { 1.0 } else { got / wanted };
        let mut rest = got;
        for part in first..last {
            let said = ledger.shares[part][i];
            let gets = if of.amounts { said * dt * factor } else { said * got };
            ledger.parts[part][i] = gets;
            rest -= gets;
        }
        if rest < 0.0 {
            rest = 0.0;
            let larger = |a: usize, b: usize| if ledger.parts[b][i] >= ledger.parts[a][i] { b } else { a };
            if let Some(largest) = (first..last).reduce(larger) {
                let others = (first..last).filter(|part| *part != largest);
                let left = others.fold(got, |left, part| left - ledger.parts[part][i]);
                ledger.parts[largest][i] = at_least_0(left);
            }
        }
        ledger.parts[last][i] = rest;
    }

    /// The stock that a move takes from, in the direction in which it runs.
    pub(super) fn source(&self, m: usize, i: usize) -> Option<(usize, usize)> {
        let of = &self.model.moves[m];
        let back = of.two_way && self.ledger.wanted[m][i] < 0.0;
        if back { self.ledger.to[of.parts.0 as usize].at(i) } else { self.ledger.from[m].at(i) }
    }

    /// What a limited move gets.
    pub(super) fn take(&mut self, id: MoveId, phase: usize) {
        let (model, at) = (self.model, id.0 as usize);
        let m = &model.moves[at];
        let Some(short) = m.short else { return };
        self.work_out_sources(id.0, short, phase);
        for i in 0..self.count(id.0) {
            let Some((stock, whose)) = self.source(at, i) else { continue };
            let wanted = self.ledger.wanted[at][i];
            let wanted = if m.two_way { wanted.abs() } else { wanted };
            let peak = self.ledger.peaks[stock][whose];
            let room = &mut self.ledger.rooms[stock];
            let left = room.left[whose];
            let amount = match short {
                // Who shares it with nobody takes what there is, to the bit.
                ShortKind::Capped if room.all[whose] != wanted => match room.factor[whose] {
                    1.0 => wanted,
                    factor => wanted * factor,
                },
                ShortKind::CappedFirst | ShortKind::Capped if left < wanted => left,
                ShortKind::CappedFirst | ShortKind::Capped => wanted,
                ShortKind::OrSkip if fits(wanted, left, self.step, peak) => wanted,
                ShortKind::OrSkip => 0.0,
            };
            if short != ShortKind::Capped {
                room.left[whose] = at_least_0(left - amount);
            }
            if amount != wanted {
                self.gets(at, i, amount);
                if !self.last && wanted - amount > rounding(self.step) * peak {
                    self.ledger.short[at] += 1;
                    self.ledger.missed[at] += wanted - amount;
                }
            }
        }
    }

    /// A trade goes through as far as the poorest of its sources lets it.
    pub(super) fn trade(&mut self, id: TradeId, phase: usize) {
        let model = self.model;
        let trade = &model.trades[id.0 as usize];
        let n = trade.of.map_or(1, |p| self.columns.alive[p.0 as usize]);
        if let Some(short) = trade.short {
            trade.legs.iter().for_each(|leg| self.work_out_sources(leg.0, short, phase));
        }
        let mut factors = vec![0.0; n];
        for (i, out) in factors.iter_mut().enumerate() {
            let holds = trade.legs.first().is_some_and(|leg| self.ledger.holds[leg.0 as usize][i]);
            let mut factor = 1.0;
            if let Some(short) = trade.short {
                for leg in &trade.legs {
                    let Some(source) = self.source(leg.0 as usize, i) else { continue };
                    let mut total = 0.0;
                    for other in trade.legs.iter().filter(|other| self.source(other.0 as usize, i) == Some(source)) {
                        total += self.ledger.wanted[other.0 as usize][i];
                    }
                    let room = &self.ledger.rooms[source.0];
                    let (left, peak) = (room.left[source.1], self.ledger.peaks[source.0][source.1]);
                    let this = match short {
                        // An empty source is no matter to those that ask nothing of it, or no more than rounding.
                        ShortKind::Capped if total > 0.0 => room.factor[source.1],
                        _ if fits(total, left, self.step, peak) => 1.0,
                        ShortKind::CappedFirst => left / total,
                        ShortKind::Capped => 1.0,
                        ShortKind::OrSkip => 0.0,
                    };
                    factor = if this < factor { this } else { factor };
                }
                let mut lacks = false;
                for leg in &trade.legs {
                    let at = leg.0 as usize;
                    let wanted = self.ledger.wanted[at][i];
                    if factor != 1.0 {
                        self.gets(at, i, wanted * factor);
                    }
                    let (got, source) = (self.ledger.got[at][i], self.source(at, i));
                    let size = source.map_or(wanted, |(s, i)| self.ledger.peaks[s][i]);
                    lacks |= wanted - got > rounding(self.step) * size;
                    if let Some((s, whose)) = source.filter(|_| short != ShortKind::Capped) {
                        let left = &mut self.ledger.rooms[s].left[whose];
                        *left = at_least_0(*left - got);
                    }
                }
                if lacks && !self.last {
                    self.ledger.short_trades[id.0 as usize] += 1;
                }
            }
            *out = if holds { factor } else { 0.0 };
        }
        self.columns.cols[(self.program.factors + id.0) as usize] = factors;
    }

    /// What moves on a date is served in the order of its kinds.
    pub(super) fn take_dated(&mut self, due: &[MoveId], phase: usize) {
        let moves = &self.model.moves;
        let mut takes = due.to_vec();
        takes.sort_by_key(|id| moves[id.0 as usize].short);
        for id in takes {
            match moves[id.0 as usize].trade {
                None => self.take(id, phase),
                Some(t) if self.model.trades[t.0 as usize].legs.first() == Some(&id) => self.trade(t, phase),
                Some(_) => {}
            }
        }
    }

    /// Sets what a move gets, as a size.
    pub(super) fn gets(&mut self, m: usize, i: usize, amount: f64) {
        let of = &self.model.moves[m];
        // From 0, so that nothing is not less than nothing.
        let amount = if of.two_way && self.ledger.wanted[m][i] < 0.0 { 0.0 - amount } else { amount };
        self.ledger.got[m][i] = amount;
        let taken = &mut self.columns.cols[self.program.taken as usize + m];
        taken[i] = if of.flow { amount / self.model.clock.dt } else { amount };
        self.divide(m, i);
    }

    /// Works the sources of a move out as far as those need it that are served so.
    fn work_out_sources(&mut self, m: u32, short: ShortKind, phase: usize) {
        let of = &self.model.moves[m as usize];
        let mut ends = vec![&self.ledger.from[m as usize]];
        if of.two_way {
            ends.push(&self.ledger.to[of.parts.0 as usize]);
        }
        let mut stocks: Vec<usize> = Vec::new();
        for end in ends {
            match end {
                End::Cloud => {}
                End::Own(s) | End::Shared(s) => stocks.push(*s),
                End::Each(all) => stocks.extend(all.iter().filter(|(s, _)| *s != CLOUD).map(|(s, _)| *s as usize)),
            }
        }
        stocks.sort_unstable();
        stocks.dedup();
        stocks.into_iter().for_each(|s| self.work_out(s, short, phase));
    }

    fn work_out(&mut self, stock: usize, short: ShortKind, phase: usize) {
        let need = match short {
            ShortKind::CappedFirst => Known::Room,
            ShortKind::Capped => Known::Pool,
            ShortKind::OrSkip => Known::Left,
        };
        let mut room = std::mem::take(&mut self.ledger.rooms[stock]);
        let model = self.model;
        let kind = |m: u32| {
            let m = &model.moves[m as usize];
            m.trade.map_or(m.short, |t| model.trades[t.0 as usize].short)
        };
        let moves = &self.ledger.phases[phase].moves;
        if room.known < need && room.known == Known::Nothing {
            let mut left = self.columns.col(model.stocks[stock].cell.0).to_vec();
            let uncapped: Vec<u32> = moves.iter().copied().filter(|m| kind(*m).is_none()).collect();
            self.flow(stock, &uncapped, &mut left, true);
            self.flow(stock, &uncapped, &mut left, false);
            left.iter_mut().for_each(|left| *left = at_least_0(*left));
            room.left = left;
            room.known = Known::Room;
        }
        // On the copy of the last row, what runs one way may ask for less than nothing.
        let size = |m: u32, amount: f64| if model.moves[m as usize].two_way { amount.abs() } else { amount };
        let capped: Vec<u32> = moves.iter().copied().filter(|m| kind(*m) == Some(ShortKind::Capped)).collect();
        if room.known < need && room.known == Known::Room {
            let mut all = vec![0.0; room.left.len()];
            for m in &capped {
                for i in 0..self.count(*m) {
                    if let Some((_, whose)) = self.source(*m as usize, i).filter(|(s, _)| *s == stock) {
                        all[whose] += size(*m, self.ledger.wanted[*m as usize][i]);
                    }
                }
            }
            let peaks = &self.ledger.peaks[stock];
            let factor = |i: usize| {
                let enough = fits(all[i], room.left[i], self.step, peaks[i]);
                if enough { 1.0 } else { room.left[i] / all[i] }
            };
            room.factor = (0..all.len()).map(factor).collect();
            room.all = all;
            room.known = Known::Pool;
        }
        if room.known < need {
            for m in &capped {
                for i in 0..self.count(*m) {
                    if let Some((_, whose)) = self.source(*m as usize, i).filter(|(s, _)| *s == stock) {
                        let got = size(*m, self.ledger.got[*m as usize][i]);
                        room.left[whose] = at_least_0(room.left[whose] - got);
                    }
                }
            }
            room.known = Known::Left;
        }
        self.ledger.rooms[stock] = room;
    }

    /// What some moves bring to a stock, or take from it, in order.
    fn flow(&self, stock: usize, moves: &[u32], held: &mut [f64], inwards: bool) {
        for m in moves {
            let of = &self.model.moves[*m as usize];
            let parts = of.parts.0 as usize..of.parts.1 as usize;
            let (from, got) = (&self.ledger.from[*m as usize], &self.ledger.got[*m as usize]);
            for (i, got) in got.iter().enumerate() {
                let mut change = |end: &End, amount: f64| {
                    if let Some((_, whose)) = end.at(i).filter(|(s, _)| *s == stock) {
                        held[whose] += amount;
                    }
                };
                if inwards {
                    for part in parts.clone() {
                        let amount = self.ledger.parts[part][i];
                        change(&self.ledger.to[part], if of.two_way { at_least_0(amount) } else { amount });
                    }
                    if of.two_way {
                        change(from, at_least_0(-got));
                    }
                } else {
                    change(from, -if of.two_way { at_least_0(*got) } else { *got });
                    if of.two_way {
                        change(&self.ledger.to[parts.start], -at_least_0(-got));
                    }
                }
            }
        }
    }

    /// What each stock holds afterwards; shortages by rounding are trimmed from what moves.
    pub(super) fn settle(&mut self, phase: usize) -> Checked<()> {
        let model = self.model;
        let edges = std::mem::take(&mut self.ledger.phases[phase]);
        let mut after = std::mem::take(&mut self.ledger.after);
        for s in &edges.stocks {
            after[*s].clear();
            after[*s].extend_from_slice(self.columns.col(model.stocks[*s].cell.0));
        }
        for m in &edges.moves {
            self.brings(*m, &mut after);
        }
        let with: Vec<Vec<f64>> = edges
            .stocks
            .iter()
            .zip(&edges.capped)
            .map(|(s, capped)| if *capped { after[*s].clone() } else { Vec::new() })
            .collect();
        for m in &edges.moves {
            self.takes_away(*m, &mut after);
        }
        let mut wanting = Vec::new();
        if !self.last {
            let rounded = rounding(self.step);
            for ((s, capped), with) in edges.stocks.iter().zip(&edges.capped).zip(&with) {
                let signed = model.stocks[*s].signed;
                for (i, value) in after[*s].iter().enumerate() {
                    let short = *value < 0.0 && !signed;
                    let dust = *capped && *value != 0.0 && (*value > 0.0 || signed) && {
                        let peak = self.ledger.peaks[*s][i];
                        let size = if with[i] > peak { with[i] } else { peak };
                        value.abs() <= rounded * size
                    };
                    if short || dust {
                        wanting.push((*s, i));
                    }
                }
            }
        }
        self.ledger.after = after;
        self.ledger.phases[phase] = edges;
        if wanting.is_empty() { Ok(()) } else { self.trim(phase, wanting) }
    }

    /// What a move brings to the stocks at its ends.
    fn brings(&self, m: u32, after: &mut [Vec<f64>]) {
        let of = &self.model.moves[m as usize];
        let (first, last) = (of.parts.0 as usize, of.parts.1 as usize);
        let add = |held: f64, amount: f64| held + amount;
        if last - first == 1 && !of.two_way {
            return scatter(after, &self.ledger.to[first], &self.ledger.parts[first], add);
        }
        for i in 0..self.count(m) {
            for part in first..last {
                let amount = self.ledger.parts[part][i];
                if let Some((s, whose)) = self.ledger.to[part].at(i) {
                    after[s][whose] += if of.two_way { at_least_0(amount) } else { amount };
                }
            }
            if of.two_way
                && let Some((s, whose)) = self.ledger.from[m as usize].at(i)
            {
                after[s][whose] += at_least_0(-self.ledger.got[m as usize][i]);
            }
        }
    }

    /// What it takes from them.
    fn takes_away(&self, m: u32, after: &mut [Vec<f64>]) {
        let of = &self.model.moves[m as usize];
        let (from, got) = (&self.ledger.from[m as usize], &self.ledger.got[m as usize]);
        if !of.two_way {
            return scatter(after, from, got, |held, amount| held - amount);
        }
        for (i, got) in got.iter().enumerate() {
            if let Some((s, whose)) = from.at(i) {
                after[s][whose] -= at_least_0(*got);
            }
            if let Some((s, whose)) = self.ledger.to[of.parts.0 as usize].at(i) {
                after[s][whose] -= at_least_0(-got);
            }
        }
    }

    /// What the stocks would hold are numbers.
    pub(super) fn finite_stocks(&self, phase: usize) -> Checked<()> {
        for stock in &self.ledger.phases[phase].stocks {
            if let Some(i) = self.ledger.after[*stock].iter().position(|v| !v.is_finite()) {
                let kind = FaultKind::NotFinite { what: Value::Stock(*stock), value: self.ledger.after[*stock][i] };
                return Err(kind.of(self.number(self.model.stocks[*stock].of, i)));
            }
        }
        Ok(())
    }

    /// On the copy of the last row: what the stocks would hold.
    pub(super) fn pretend(&mut self, phase: usize) {
        for stock in &self.ledger.phases[phase].stocks {
            let cell = self.model.stocks[*stock].cell.0 as usize;
            self.columns.cols[cell].clone_from(&self.ledger.after[*stock]);
        }
    }

    pub(super) fn commit(&mut self, phase: usize) {
        self.pretend(phase);
        let model = self.model;
        let ledger = &mut self.ledger;
        for stock in &ledger.phases[phase].stocks {
            let peaks = ledger.peaks[*stock].iter_mut();
            peaks.zip(&ledger.after[*stock]).for_each(|(peak, value)| {
                *peak = if value.abs() > *peak { value.abs() } else { *peak };
            });
        }
        for m in &ledger.phases[phase].moves {
            let of = &model.moves[*m as usize];
            let parts = of.parts.0 as usize..of.parts.1 as usize;
            let ends = of.from.into_iter().chain(model.parts(of).iter().filter_map(|p| p.to));
            let assets = ends.filter_map(|s| model.assets.iter().position(|a| a.stocks.contains(&s)));
            let Some(asset) = assets.into_iter().next() else { continue };
            let cloudy = |end: &End| match end {
                End::Cloud => true,
                End::Each(all) => all.iter().any(|(s, _)| *s == CLOUD),
                _ => false,
            };
            let (from, got) = (&ledger.from[*m as usize], &ledger.got[*m as usize]);
            if !cloudy(from) && !parts.clone().any(|part| cloudy(&ledger.to[part])) {
                continue;
            }
            let balance = &mut self.balances[asset];
            for (i, got) in got.iter().enumerate() {
                let gone = |end: &End| end.at(i).is_none();
                if of.two_way {
                    let (onward, back) = (at_least_0(*got), at_least_0(-got));
                    if gone(from) {
                        balance.inflow += onward;
                        balance.outflow += back;
                    } else if gone(&ledger.to[parts.start]) {
                        balance.inflow += back;
                        balance.outflow += onward;
                    }
                    continue;
                }
                if gone(from) {
                    balance.inflow += got;
                }
                for part in parts.clone().filter(|part| gone(&ledger.to[*part])) {
                    balance.outflow += ledger.parts[part][i];
                }
            }
        }
        self.audit_scale();
    }

    /// The largest that the ledger has been.
    pub(super) fn audit_scale(&mut self) {
        for (i, asset) in self.model.assets.iter().enumerate() {
            let size = self.held(asset, f64::abs) + self.balances[i].inflow + self.balances[i].outflow;
            let scale = &mut self.balances[i].scale;
            *scale = if size > *scale { size } else { *scale };
        }
    }

    /// A move that is capped, takes from this stock, and got less of it than it wanted, by as much as is left at least.
    pub(super) fn is_short(&self, m: usize, i: usize, from: (usize, usize), out: f64, left: f64) -> bool {
        let of = &self.model.moves[m];
        let short = of.trade.map_or(of.short, |t| self.model.trades[t.0 as usize].short);
        let wanted = self.ledger.wanted[m][i];
        let wanted = if of.two_way && wanted < 0.0 { -wanted } else { wanted };
        matches!(short, Some(ShortKind::CappedFirst | ShortKind::Capped))
            && self.source(m, i) == Some(from)
            && out < wanted
            && out + left <= wanted
    }
}

/// What the parts of a split say for one member: shares that are one, or amounts that are the whole.
fn said(
    ledger: &mut Ledger,
    model: &Model,
    id: MoveId,
    i: usize,
    n: usize,
    shares: &[View],
    (value, peak, step, last): (f64, f64, u64, bool),
) -> Result<(), FaultKind> {
    let m = &model.moves[id.0 as usize];
    let dt = if m.flow { model.clock.dt } else { 1.0 };
    let first = m.parts.0 as usize;
    let has_rest = model.parts[m.parts.1 as usize - 1].share.is_none();
    let wanted = (value * dt).abs();
    let rounded = rounding(step) * if peak > wanted { peak } else { wanted };
    let mut sum = 0.0;
    for (part, share) in shares.iter().enumerate() {
        let share = share.at(i);
        let wrong = if m.amounts {
            !share.is_finite() || share * dt < -rounded
        } else {
            share.is_nan() || !(-WHOLE..=1.0 + WHOLE).contains(&share)
        };
        if wrong && !last {
            return Err(FaultKind::Part { moved: id, part, value: share });
        }
    }
    for (part, share) in shares.iter().enumerate() {
        let share = share.at(i);
        let share = if !m.amounts {
            share.clamp(0.0, 1.0)
        } else if share < 0.0 {
            0.0
        } else {
            share
        };
        let column = &mut ledger.shares[first + part];
        column.resize(n, 0.0);
        column[i] = share;
        sum += share;
    }
    let (wrong, whole) = match (m.amounts, has_rest) {
        (true, true) => ((sum - value) * dt > rounded, value),
        (true, false) => {
            let share = WHOLE * wanted;
            ((sum - value).abs() * dt > if rounded > share { rounded } else { share }, value)
        }
        (false, true) => (sum > 1.0 + WHOLE, 1.0),
        (false, false) => ((sum - 1.0).abs() > WHOLE, 1.0),
    };
    if wrong && !last { Err(FaultKind::Parts { moved: id, sum, whole }) } else { Ok(()) }
}

/// Whether there is enough for all of it: what is missing by rounding is there.
fn fits(wanted: f64, left: f64, step: u64, peak: f64) -> bool {
    let size = if peak > wanted { peak } else { wanted };
    wanted <= left || wanted - left <= rounding(step) * size
}
