//! What moves in a phase: what each move asks for, what it gets, and what the stocks then hold.
//!
//! In: the registers of a run with all demands worked out. Out: amounts on which all ends agree, committed at once.
//! Invariant: nothing unsigned goes below zero, and what a source gives is what its targets get. Absent on purpose: when
//! moves are worked out (see `run`).

use super::program::Stage;
use super::run::{Checked, Run};
use super::{FaultKind, Value};
use crate::ir::{Model, Move, MoveId, ShortKind, Summed, TradeId, rounding};

/// Shares may be off 1 by so much, and amounts off their whole by this part of it.
pub(super) const OFF: f64 = 1e-9;

/// In which direction a move counts at one of its ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It has but one.
    One,
    /// What runs either way, as far as it runs forward.
    Forward,
    /// The same, as far as it runs backward.
    Back,
}

/// A move at one of its ends.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) moved: u32,
    /// Of an inflow, the part of the move.
    pub(super) part: u32,
    pub(super) way: Way,
}

/// The moves that are settled together, and which of them end in which stock.
#[derive(Default)]
pub(super) struct Edges {
    moves: Vec<u32>,
    /// Per stock, in order of declaration.
    pub(super) ins: Groups,
    pub(super) outs: Groups,
    /// Stocks that anything here touches.
    pub(super) touched: Vec<u32>,
    /// What crosses the boundary: each end at the cloud, with the asset, and whether it comes in there.
    pub(super) crossing: Vec<(End, usize, bool)>,
    /// What each stock has left for capped moves, as far as it is worked out.
    rooms: Vec<Room>,
}

/// Ends by stock, in one stretch of memory.
#[derive(Default)]
pub(super) struct Groups {
    starts: Vec<u32>,
    ends: Vec<End>,
}

impl Groups {
    fn new(stocks: usize, ends: &[(usize, End)]) -> Self {
        let mut starts = vec![0u32; stocks + 1];
        for (s, _) in ends {
            starts[s + 1] += 1;
        }
        for s in 0..stocks {
            starts[s + 1] += starts[s];
        }
        let blank = End { moved: 0, part: 0, way: Way::One };
        let (mut next, mut grouped) = (starts.clone(), vec![blank; ends.len()]);
        for (s, end) in ends {
            grouped[next[*s] as usize] = *end;
            next[*s] += 1;
        }
        Self { starts, ends: grouped }
    }

    pub(super) fn of(&self, stock: usize) -> &[End] {
        &self.ends[self.starts[stock] as usize..self.starts[stock + 1] as usize]
    }
}

/// What a source has left for those that it serves in turn.
#[derive(Clone, Copy, Default)]
struct Room {
    known: Known,
    left: f64,
    /// What those want that share it, and the factor of what they get.
    all: f64,
    factor: f64,
}

/// How far a source is worked out.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    #[default]
    Nothing,
    /// What there is for capped moves.
    Room,
    /// What those get that share it; all that come first have been served.
    Pool,
    /// What those that share it have left.
    Left,
}

impl Edges {
    pub(super) fn new(model: &Model, moves: Vec<u32>, asset: &[usize]) -> Self {
        let n = model.stocks.len();
        let (mut ins, mut outs, mut crossing) = (Vec::new(), Vec::new(), Vec::new());
        let mut touched = vec![false; n];
        let mut capped = false;
        for &moved in &moves {
            let m = &model.moves[moved as usize];
            capped |= m.short.is_some();
            let inside = model.reference(m).map_or(0, |s| asset[s]);
            let (first, way) = (m.parts.0, if m.two_way { Way::Forward } else { Way::One });
            let mut end = |stock: Option<usize>, end: End, comes_in: bool| match stock {
                Some(s) => {
                    touched[s] = true;
                    if comes_in { &mut ins } else { &mut outs }.push((s, end));
                }
                None => crossing.push((end, inside, !comes_in)),
            };
            end(m.from, End { moved, part: first, way }, false);
            for part in m.parts.0..m.parts.1 {
                end(model.parts[part as usize].to, End { moved, part, way }, true);
            }
            if m.two_way {
                let back = End { moved, part: first, way: Way::Back };
                end(m.from, back, true);
                end(model.parts[first as usize].to, back, false);
            }
        }
        Self {
            moves,
            ins: Groups::new(n, &ins),
            outs: Groups::new(n, &outs),
            touched: (0..n as u32).filter(|s| touched[*s as usize]).collect(),
            crossing,
            rooms: if capped { vec![Room::default(); n] } else { Vec::new() },
        }
    }

    /// Nothing is worked out yet.
    pub(super) fn forget(&mut self) {
        self.rooms.fill(Room::default());
    }
}

/// Whether a source has enough for all of it. What is missing by rounding is there: it is trimmed when all is settled.
fn fits(wanted: f64, left: f64, step: u64, peak: f64) -> bool {
    let size = if peak > wanted { peak } else { wanted };
    wanted <= left || wanted - left <= rounding(step) * size
}

fn at_least_0(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

impl Run<'_> {
    /// What a move asks for.
    pub(super) fn ask(&mut self, id: u32, stage: &Stage) -> Checked<()> {
        let model = self.model;
        let (i, m) = (id as usize, &model.moves[id as usize]);
        let holds = stage.condition.is_none_or(|c| self.reg(c) != 0.0) && !(m.once && self.done[i]);
        let mut value = if holds { self.reg(stage.amount) } else { 0.0 };
        let dt = if m.flow { model.clock.dt } else { 1.0 };
        if !self.last {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Move(MoveId(id)), value });
            }
            if value < 0.0 && !m.two_way {
                let peak = model.reference(m).map_or(0.0, |s| self.peaks[s]);
                if value * dt < -rounding(self.step) * peak {
                    return Err(FaultKind::Backward { moved: MoveId(id), value });
                }
                value = 0.0;
            }
            if m.once && holds {
                self.done[i] = true;
            }
        }
        let (asked, taken) = (self.asked_reg(id), self.taken_reg(id));
        (self.regs[asked], self.regs[taken]) = (value, value);
        (self.wanted[i], self.got[i]) = (value * dt, value * dt);
        self.holds[i] = holds;
        if !stage.shares.is_empty() {
            for (k, reg) in stage.shares.iter().enumerate() {
                self.shares[m.parts.0 as usize + k] = self.reg(*reg);
            }
            if holds {
                self.check_parts(id, value, stage.shares.len())?;
            }
        }
        self.divide(id);
        Ok(())
    }

    /// Shares and amounts are such, and come to the whole; what is off by rounding is put right.
    fn check_parts(&mut self, id: u32, value: f64, written: usize) -> Checked<()> {
        let (model, moved) = (self.model, MoveId(id));
        let m = &model.moves[id as usize];
        let dt = if m.flow { model.clock.dt } else { 1.0 };
        let rest = written < (m.parts.1 - m.parts.0) as usize;
        let wanted = self.wanted[id as usize].abs();
        let peak = model.reference(m).map_or(0.0, |s| self.peaks[s]);
        let fine = rounding(self.step) * if peak > wanted { peak } else { wanted };
        let mut sum = 0.0;
        for part in 0..written {
            let share = &mut self.shares[m.parts.0 as usize + part];
            let raw = *share;
            let wrong = if m.amounts {
                !raw.is_finite() || raw * dt < -fine
            } else {
                raw.is_nan() || !(-OFF..=1.0 + OFF).contains(&raw)
            };
            if wrong && !self.last {
                return Err(FaultKind::Part { moved, part, value: raw });
            }
            if raw < 0.0 {
                *share = 0.0;
            } else if raw > 1.0 && !m.amounts {
                *share = 1.0;
            }
            sum += *share;
        }
        let whole = if m.amounts { value } else { 1.0 };
        let (over, most) = match (m.amounts, rest) {
            (true, true) => ((sum - whole) * dt, fine),
            (true, false) => ((sum - whole).abs() * dt, if OFF * wanted > fine { OFF * wanted } else { fine }),
            (false, true) => (sum - whole, OFF),
            (false, false) => ((sum - whole).abs(), OFF),
        };
        if over > most && !self.last {
            return Err(FaultKind::Parts { moved, sum, whole });
        }
        Ok(())
    }

    /// What each target of a move gets.
    #[inline]
    fn divide(&mut self, id: u32) {
        let m = &self.model.moves[id as usize];
        if m.parts.1 - m.parts.0 == 1 {
            self.parts[m.parts.0 as usize] = self.got[id as usize];
        } else {
            self.split(id);
        }
    }

    /// What each part of a split gets: the last has what the others leave.
    fn split(&mut self, id: u32) {
        let model = self.model;
        let m = &model.moves[id as usize];
        let (first, last, got) = (m.parts.0 as usize, m.parts.1 as usize - 1, self.got[id as usize]);
        if !self.holds[id as usize] {
            return self.parts[first..=last].fill(0.0);
        }
        let wanted = self.wanted[id as usize];
        let dt = if m.flow { model.clock.dt } else { 1.0 };
        let factor = if got == wanted { 1.0 } else { got / wanted };
        let mut rest = got;
        for part in first..last {
            self.parts[part] = if m.amounts { self.shares[part] * dt * factor } else { self.shares[part] * got };
            rest -= self.parts[part];
        }
        if rest < 0.0 {
            rest = 0.0;
            let mut largest = first;
            for part in first..last {
                if self.parts[part] >= self.parts[largest] {
                    largest = part;
                }
            }
            let mut left = got;
            for part in (first..last).filter(|part| *part != largest) {
                left -= self.parts[part];
            }
            self.parts[largest] = at_least_0(left);
        }
        self.parts[last] = rest;
    }

    /// The stock that a move takes from, in the direction in which it runs.
    fn source(&self, id: u32) -> Option<usize> {
        let m = &self.model.moves[id as usize];
        if m.two_way && self.wanted[id as usize] < 0.0 { self.model.parts[m.parts.0 as usize].to } else { m.from }
    }

    /// What a capped or skipped move gets; the others get what they ask for.
    pub(super) fn take(&mut self, id: u32, edges: &mut Edges) {
        let m: &Move = &self.model.moves[id as usize];
        let (Some(short), Some(source)) = (m.short, self.source(id)) else { return };
        // On the copy of the last row, what runs one way may ask for less than nothing, and gets it.
        let wanted = self.wanted[id as usize];
        let wanted = if m.two_way { wanted.abs() } else { wanted };
        self.work_out(source, short, edges);
        let room = &mut edges.rooms[source];
        let amount = match short {
            // Who shares it with nobody takes what there is, to the bit.
            ShortKind::Capped if room.all != wanted => {
                if room.factor == 1.0 {
                    wanted
                } else {
                    wanted * room.factor
                }
            }
            ShortKind::CappedFirst | ShortKind::Capped => {
                if room.left < wanted {
                    room.left
                } else {
                    wanted
                }
            }
            ShortKind::OrSkip => {
                if fits(wanted, room.left, self.step, self.peaks[source]) {
                    wanted
                } else {
                    0.0
                }
            }
        };
        if short != ShortKind::Capped {
            room.left = at_least_0(room.left - amount);
        }
        if amount != wanted {
            self.gets(id, amount);
            // What is missing by rounding is no cap.
            if !self.last && wanted - amount > rounding(self.step) * self.peaks[source] {
                self.short[id as usize] += 1;
                self.missed[id as usize] += wanted - amount;
            }
        }
    }

    /// A trade goes through as far as the poorest of its sources lets it.
    pub(super) fn trade(&mut self, id: TradeId, edges: &mut Edges) {
        let trade = &self.model.trades[id.0 as usize];
        let holds = trade.legs.first().is_some_and(|leg| self.holds[leg.0 as usize]);
        let mut factor = 1.0;
        if let Some(short) = trade.short {
            for leg in &trade.legs {
                let Some(source) = self.source(leg.0) else { continue };
                self.work_out(source, short, edges);
                let mut total = 0.0;
                for other in trade.legs.iter().filter(|other| self.source(other.0) == Some(source)) {
                    total += self.wanted[other.0 as usize];
                }
                let room = &edges.rooms[source];
                let this = match short {
                    // An empty source is no matter to those that ask nothing of it, or no more than rounding.
                    ShortKind::Capped if total > 0.0 => room.factor,
                    _ if fits(total, room.left, self.step, self.peaks[source]) => 1.0,
                    ShortKind::CappedFirst => room.left / total,
                    ShortKind::Capped => 1.0,
                    ShortKind::OrSkip => 0.0,
                };
                if this < factor {
                    factor = this;
                }
            }
            let mut lacks = false;
            for leg in &trade.legs {
                let wanted = self.wanted[leg.0 as usize];
                if factor != 1.0 {
                    self.gets(leg.0, wanted * factor);
                }
                let (got, source) = (self.got[leg.0 as usize], self.source(leg.0));
                // What the cloud lets go of is measured by itself.
                lacks |= wanted - got > rounding(self.step) * source.map_or(wanted, |s| self.peaks[s]);
                if let Some(source) = source.filter(|_| short != ShortKind::Capped) {
                    let room = &mut edges.rooms[source];
                    room.left = at_least_0(room.left - got);
                }
            }
            if lacks && !self.last {
                self.short_trades[id.0 as usize] += 1;
            }
        }
        let reg = self.factor_reg(id);
        self.regs[reg] = if holds { factor } else { 0.0 };
    }

    /// Sets what a move gets, as a size.
    fn gets(&mut self, id: u32, amount: f64) {
        let m = &self.model.moves[id as usize];
        // From 0, so that nothing is not less than nothing.
        let amount = if m.two_way && self.wanted[id as usize] < 0.0 { 0.0 - amount } else { amount };
        self.got[id as usize] = amount;
        let taken = self.taken_reg(id);
        self.regs[taken] = if m.flow { amount / self.model.clock.dt } else { amount };
        self.divide(id);
    }

    /// Works a source out as far as those need it that are served so.
    fn work_out(&self, source: usize, short: ShortKind, edges: &mut Edges) {
        let need = match short {
            ShortKind::CappedFirst => Known::Room,
            ShortKind::Capped => Known::Pool,
            ShortKind::OrSkip => Known::Left,
        };
        let mut room = edges.rooms[source];
        let kind = |end: &&End| self.model.moves[end.moved as usize].short;
        let (ins, outs) = (edges.ins.of(source), edges.outs.of(source));
        if room.known < need && room.known == Known::Nothing {
            let mut left = self.stock(source);
            ins.iter().filter(|e| kind(e).is_none()).for_each(|e| left += self.inflow(e));
            outs.iter().filter(|e| kind(e).is_none()).for_each(|e| left -= self.outflow(e));
            room = Room { known: Known::Room, left: at_least_0(left), all: 0.0, factor: 1.0 };
        }
        let capped = || outs.iter().filter(|e| kind(e) == Some(ShortKind::Capped));
        if room.known < need && room.known == Known::Room {
            capped().for_each(|e| room.all += size(self.wanted[e.moved as usize], e.way));
            let enough = fits(room.all, room.left, self.step, self.peaks[source]);
            room.factor = if enough { 1.0 } else { room.left / room.all };
            room.known = Known::Pool;
        }
        if room.known < need {
            capped().for_each(|e| room.left = at_least_0(room.left - self.outflow(e)));
            room.known = Known::Left;
        }
        edges.rooms[source] = room;
    }

    /// What an end brings a stock.
    fn inflow(&self, end: &End) -> f64 {
        match end.way {
            Way::One => self.parts[end.part as usize],
            way => size(self.got[end.moved as usize], way),
        }
    }

    /// What an end takes from a stock.
    fn outflow(&self, end: &End) -> f64 {
        size(self.got[end.moved as usize], end.way)
    }

    /// What each stock holds afterwards; shortages by rounding are trimmed from what moves.
    pub(super) fn settle(&mut self, edges: &Edges) -> Checked<()> {
        let mut any = false;
        for &s in &edges.touched {
            let s = s as usize;
            self.emptied[s] = false;
            self.after[s] = self.balance(s, edges);
            any |= self.after[s] < 0.0 && !self.model.stocks[s].signed || self.is_dust(s, self.after[s], edges);
        }
        // On the copy of the last row nothing can fail.
        if any && !self.last { self.trim(edges) } else { Ok(()) }
    }

    /// Whether what is left in a stock is the rounding of those that took all of it; what a signed one then owes, too.
    fn is_dust(&self, s: usize, after: f64, edges: &Edges) -> bool {
        let may_be = after > 0.0 || after < 0.0 && self.model.stocks[s].signed;
        if !may_be || edges.rooms.get(s).is_none_or(|room| room.known == Known::Nothing) {
            return false;
        }
        let with = edges.ins.of(s).iter().fold(self.stock(s), |with, end| with + self.inflow(end));
        let size = if with > self.peaks[s] { with } else { self.peaks[s] };
        after.abs() <= rounding(self.step) * size && edges.outs.of(s).iter().any(|e| self.is_short(e, after))
    }

    /// A capped move that got less than it wanted of this stock, by as much as is left at least.
    fn is_short(&self, end: &End, left: f64) -> bool {
        let i = end.moved as usize;
        let capped = matches!(self.model.moves[i].short, Some(ShortKind::CappedFirst | ShortKind::Capped));
        let (out, wanted) = (self.outflow(end), size(self.wanted[i], end.way));
        capped && out < wanted && out + left <= wanted
    }

    fn balance(&self, s: usize, edges: &Edges) -> f64 {
        let mut value = self.stock(s);
        for end in edges.ins.of(s) {
            value += self.inflow(end);
        }
        for end in edges.outs.of(s) {
            value -= self.outflow(end);
        }
        value
    }

    fn trim(&mut self, edges: &Edges) -> Checked<()> {
        for _ in 0..=self.model.stocks.len() {
            let mut trimmed = false;
            for &s in &edges.touched {
                let s = s as usize;
                if self.emptied[s] {
                    continue;
                }
                let after = self.balance(s, edges);
                let dust = self.is_dust(s, after, edges);
                let short = after < 0.0 && !self.model.stocks[s].signed;
                if !short && !dust {
                    continue;
                }
                let held = self.stock(s);
                let mut with = held;
                for end in edges.ins.of(s) {
                    with += self.inflow(end);
                }
                let outs = edges.outs.of(s);
                let peak = if with > self.peaks[s] { with } else { self.peaks[s] };
                if -after > rounding(self.step) * peak {
                    let outflows = outs.iter().map(|e| (MoveId(e.moved), self.outflow(e))).collect();
                    return Err(FaultKind::Overdraw { stock: s, held, inflows: with - held, outflows });
                }
                let larger = |a: End, b: End| if self.outflow(&b) >= self.outflow(&a) { b } else { a };
                let takes = outs.iter().copied().filter(|e| !dust || self.is_short(e, after));
                let Some(largest) = takes.reduce(larger) else { continue };
                let mut rest = with;
                for end in outs.iter().filter(|e| e.moved != largest.moved) {
                    rest -= self.outflow(end);
                }
                self.gets(largest.moved, at_least_0(rest));
                self.emptied[s] = true;
                trimmed = true;
            }
            if !trimmed {
                break;
            }
        }
        for &s in &edges.touched {
            let s = s as usize;
            self.after[s] = if self.emptied[s] { 0.0 } else { self.balance(s, edges) };
        }
        Ok(())
    }

    /// Adds up what moved: on a date, or in all phases.
    pub(super) fn sum(&mut self, dated: Option<&Edges>) {
        for sum in &self.model.sums {
            if let Summed::Move(m) = sum.what
                && match dated {
                    Some(edges) => edges.moves.binary_search(&m.0).is_ok(),
                    None => self.model.moves[m.0 as usize].event.is_none(),
                }
            {
                self.regs[sum.cell.0 as usize] += self.got[m.0 as usize];
            }
        }
    }

    /// On the copy of the last row: what the stocks would hold.
    pub(super) fn pretend(&mut self, edges: &Edges) {
        for &s in &edges.touched {
            self.regs[self.model.stocks[s as usize].cell.0 as usize] = self.after[s as usize];
        }
    }

    /// What the stocks would hold are numbers.
    pub(super) fn finite(&self, edges: &Edges) -> Checked<()> {
        match edges.touched.iter().map(|s| *s as usize).find(|s| !self.after[*s].is_finite()) {
            Some(s) => Err(FaultKind::NotFinite { what: Value::Stock(s), value: self.after[s] }),
            None => Ok(()),
        }
    }

    pub(super) fn commit(&mut self, edges: &Edges) {
        for &s in &edges.touched {
            let s = s as usize;
            let value = self.after[s];
            self.regs[self.model.stocks[s].cell.0 as usize] = value;
            if value.abs() > self.peaks[s] {
                self.peaks[s] = value.abs();
            }
        }
        for &(end, asset, comes_in) in &edges.crossing {
            // What leaves the cloud comes into the model.
            let amount = if comes_in { self.outflow(&end) } else { self.inflow(&end) };
            let balance = &mut self.balances[asset];
            *(if comes_in { &mut balance.inflow } else { &mut balance.outflow }) += amount;
        }
        for i in 0..self.balances.len() {
            let size = self.held(i).1 + self.balances[i].inflow + self.balances[i].outflow;
            if size > self.balances[i].scale {
                self.balances[i].scale = size;
            }
        }
    }
}

/// The amount of a move in one direction.
fn size(amount: f64, way: Way) -> f64 {
    match way {
        Way::One => amount,
        Way::Forward => at_least_0(amount),
        Way::Back => at_least_0(-amount),
    }
}
