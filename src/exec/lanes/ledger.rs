//! What moves in a phase, as a graph: the settlement of one run (see `exec::settle`), with conditions in place of control flow.
//!
//! In: the demands of a phase. Out: what each move gets and each stock then holds. Invariant: as in `step`: the same bits wherever
//! the checks hold. Absent on purpose: moves that run both ways and are limited, whose source is known only in a run.

use super::graph::{Call, Do, Leaf, V};
use super::step::{Alone, Builder, Check, Kind};
use crate::exec::settle::{Edges, End, OFF, Way};
use crate::ir::{MoveId, ShortKind, Summed, Trade, TradeId, Work, rounding};

/// More outflows of one stock than this are not trimmed side by side.
const MANY: usize = 16;

/// What stocks hold behind a phase.
pub(super) struct Settled {
    edges: Edges,
    after: Vec<(usize, V)>,
}

/// What a source has left for those that it serves in turn.
#[derive(Clone, Copy, Default)]
struct Room {
    known: Known,
    left: V,
    all: V,
    factor: V,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    #[default]
    Nothing,
    Room,
    Pool,
    Left,
}

impl Builder<'_> {
    /// What moves in a phase and what its stocks hold then; nothing lands yet.
    pub(super) fn phase(&mut self, work: &[Work], moves: Vec<u32>, kind: &Kind) -> Result<Option<Settled>, Alone> {
        let model = self.model;
        let edges = Edges::new(model, moves, &self.asset);
        let mut rooms = vec![Room::default(); model.stocks.len()];
        for work in work {
            match *work {
                Work::Draw(d) => self.draw(d, kind)?,
                Work::Demand(m) => self.ask(m),
                Work::Take(m) => self.take(m, &edges, &mut rooms)?,
                Work::Trade(t) => self.trade(t, &edges, &mut rooms)?,
                Work::Fact(f) => self.facts[f as usize] = self.expr(model.facts[f as usize].value),
            }
        }
        if self.last && model.work.len() == 1 {
            return Ok(None);
        }
        let after = self.settle(&edges, &rooms);
        self.memo.clear();
        Ok(Some(Settled { edges, after }))
    }

    /// What is dated for this moment moves, together.
    pub(super) fn dated(&mut self, due: &[u32]) -> Result<(), Alone> {
        let model = self.model;
        for m in due {
            self.ask(MoveId(*m));
        }
        let edges = Edges::new(model, due.to_vec(), &self.asset);
        let mut rooms = vec![Room::default(); model.stocks.len()];
        let mut takes: Vec<u32> = due.to_vec();
        takes.sort_by_key(|m| model.moves[*m as usize].short);
        for m in takes {
            match model.moves[m as usize].trade {
                None => self.take(MoveId(m), &edges, &mut rooms)?,
                Some(t) if model.trades[t.0 as usize].legs.first() == Some(&MoveId(m)) => {
                    self.trade(t, &edges, &mut rooms)?;
                }
                Some(_) => {}
            }
        }
        let after = self.settle(&edges, &rooms);
        for sum in &model.sums {
            if let Summed::Move(m) = sum.what
                && due.contains(&m.0)
            {
                let cell = sum.cell.0 as usize;
                self.now[cell] = self.g.two(Do::Add, self.now[cell], self.got[m.0 as usize]);
            }
        }
        self.land(Some(&Settled { edges, after }), &[]);
        self.memo.clear();
        Ok(())
    }

    /// Rounding in this step, as a share of a peak.
    fn rounding(&mut self) -> V {
        let step = self.g.leaf(Leaf::Step);
        self.g.call(Call::One(|k| rounding(k as u64)), vec![step])
    }

    fn stock(&self, s: usize) -> V {
        self.now[self.model.stocks[s].cell.0 as usize]
    }

    fn peak(&self, s: usize) -> V {
        self.now[self.layout.peaks as usize + s]
    }

    /// An amount per step of what is one per time, or one already.
    fn dt(&mut self, m: MoveId) -> V {
        let dt = if self.model.moves[m.0 as usize].flow { self.model.clock.dt } else { 1.0 };
        self.g.constant(dt)
    }

    /// What a move asks for.
    fn ask(&mut self, id: MoveId) {
        let model = self.model;
        let (i, m) = (id.0 as usize, &model.moves[id.0 as usize]);
        let combined = self.combined.flows.get(&id).cloned();
        let amount = match &combined {
            Some((demand, _)) => *demand,
            None => self.expr(m.amount),
        };
        let holds = self.condition(id);
        let value = self.g.select(holds, amount, self.zero);
        if !self.last {
            // Less than nothing, by rounding or not, is told apart alone; what is not finite mostly shows in what it moves.
            let forward = m.two_way || self.g.is_nonnegative(value);
            let shows = m.trade.is_none() && (m.short.is_none() || m.from.is_none());
            match (forward, shows) {
                (true, true) => {}
                (false, true) => self.check(Check::Forward(value)),
                (true, false) => self.check(Check::Finite(value)),
                (false, false) => self.check(Check::Fine(value)),
            }
            if m.once {
                let at = self.layout.done as usize + i;
                self.now[at] = self.g.or(self.now[at], holds);
            }
        }
        let dt = self.dt(id);
        let wanted = self.g.two(Do::Multiply, value, dt);
        (self.asked[i], self.taken[i]) = (value, value);
        (self.wanted[i], self.got[i], self.holds[i]) = (wanted, wanted, holds);
        let shares: Vec<V> = match combined {
            Some((_, said)) => said,
            None => model.parts(m).iter().filter_map(|p| p.share).map(|e| self.expr(e)).collect(),
        };
        if !shares.is_empty() {
            self.check_parts(id, value, &shares);
        }
        self.divide(id);
    }

    /// Whether a move moves now: it has its condition, and has not moved before if it does so once.
    pub(super) fn condition(&mut self, id: MoveId) -> V {
        let (i, m) = (id.0 as usize, &self.model.moves[id.0 as usize]);
        let mut holds = match m.condition.filter(|_| m.event.is_none()) {
            Some(c) => {
                let c = self.expr(c);
                self.g.two(Do::NotEqual, c, self.zero)
            }
            None => self.one,
        };
        if m.once {
            let done = self.g.not(self.now[self.layout.done as usize + i]);
            holds = self.g.and(holds, done);
        }
        holds
    }

    /// Shares and amounts are such, and come to the whole.
    fn check_parts(&mut self, id: MoveId, value: V, shares: &[V]) {
        let m = &self.model.moves[id.0 as usize];
        let i = id.0 as usize;
        let rest = shares.len() < (m.parts.1 - m.parts.0) as usize;
        let dt = self.dt(id);
        let away = self.g.not(self.holds[i]);
        let mut sum = self.zero;
        for (k, &share) in shares.iter().enumerate() {
            let mut right = self.g.two(Do::GreaterEq, share, self.zero);
            if !m.amounts {
                let below = self.g.two(Do::LessEq, share, self.one);
                right = self.g.and(right, below);
            }
            let right = self.g.or(right, away);
            self.check(Check::Holds(right));
            self.shares[m.parts.0 as usize + k] = share;
            sum = self.g.two(Do::Add, sum, share);
        }
        let g = &mut self.g;
        let wanted = g.one(Do::Abs, self.wanted[i]);
        let off = g.constant(OFF);
        let (over, most) = if m.amounts {
            let over = g.two(Do::Subtract, sum, value);
            let over = if rest { over } else { g.one(Do::Abs, over) };
            let over = g.two(Do::Multiply, over, dt);
            let peak = self.model.reference(m).map_or(self.zero, |s| self.now[self.layout.peaks as usize + s]);
            let (larger, rounding) = (self.g.two(Do::Greater, peak, wanted), self.rounding());
            let size = self.g.select(larger, peak, wanted);
            let fine = self.g.two(Do::Multiply, rounding, size);
            if rest {
                (over, fine)
            } else {
                let loose = self.g.two(Do::Multiply, off, wanted);
                let larger = self.g.two(Do::Greater, loose, fine);
                (over, self.g.select(larger, loose, fine))
            }
        } else {
            let over = g.two(Do::Subtract, sum, self.one);
            (if rest { over } else { g.one(Do::Abs, over) }, off)
        };
        let right = self.g.two(Do::LessEq, over, most);
        let right = self.g.or(right, away);
        self.check(Check::Holds(right));
    }

    /// What each target of a move gets.
    fn divide(&mut self, id: MoveId) {
        let m = &self.model.moves[id.0 as usize];
        let i = id.0 as usize;
        let (first, last, got) = (m.parts.0 as usize, m.parts.1 as usize - 1, self.got[i]);
        if first == last {
            self.parts[first] = got;
            return;
        }
        let (dt, holds) = (self.dt(id), self.holds[i]);
        let wanted = self.wanted[i];
        let (whole, part) = (self.g.two(Do::Equal, got, wanted), self.g.two(Do::Divide, got, wanted));
        let factor = if got == wanted { self.one } else { self.g.select(whole, self.one, part) };
        let mut rest = got;
        for part in first..last {
            let share = self.shares[part];
            let amount = if m.amounts {
                let amount = self.g.two(Do::Multiply, share, dt);
                self.g.two(Do::Multiply, amount, factor)
            } else {
                self.g.two(Do::Multiply, share, got)
            };
            rest = self.g.two(Do::Subtract, rest, amount);
            self.parts[part] = self.g.select(holds, amount, self.zero);
        }
        if !self.g.is_nonnegative(rest) {
            // What is too much by rounding is taken from the largest part.
            let below = self.g.two(Do::Less, rest, self.zero);
            let mut largest = self.g.constant(first as f64);
            let mut most = self.parts[first];
            for part in first + 1..last {
                let larger = self.g.two(Do::GreaterEq, self.parts[part], most);
                let place = self.g.constant(part as f64);
                largest = self.g.select(larger, place, largest);
                most = self.g.select(larger, self.parts[part], most);
            }
            let before: Vec<V> = self.parts[first..last].to_vec();
            for part in first..last {
                let mut left = got;
                for (other, amount) in before.iter().enumerate() {
                    if first + other != part {
                        left = self.g.two(Do::Subtract, left, *amount);
                    }
                }
                let (left, place) = (self.g.at_least_0(left), self.g.constant(part as f64));
                let is = self.g.two(Do::Equal, largest, place);
                let is = self.g.and(is, below);
                let is = self.g.and(is, holds);
                self.parts[part] = self.g.select(is, left, self.parts[part]);
            }
            rest = self.g.select(below, self.zero, rest);
        }
        self.parts[last] = self.g.select(holds, rest, self.zero);
    }

    /// The stock that a move takes from.
    fn source(&self, id: MoveId) -> Result<Option<usize>, Alone> {
        let m = &self.model.moves[id.0 as usize];
        if m.two_way { Err(Alone) } else { Ok(m.from) }
    }

    /// What a capped or skipped move gets.
    fn take(&mut self, id: MoveId, edges: &Edges, rooms: &mut [Room]) -> Result<(), Alone> {
        let m = &self.model.moves[id.0 as usize];
        let Some(short) = m.short else { return Ok(()) };
        let Some(source) = self.source(id)? else { return Ok(()) };
        let wanted = self.wanted[id.0 as usize];
        let exact = !self.last && self.takes_the_rest(id, edges);
        if !(exact && self.is_covered(source, edges)) {
            self.work_out(source, short, edges, rooms);
        }
        if exact {
            let left = self.room(source, edges);
            // Where nothing else leaves it, it is not below 0.
            let left = if edges.outs.of(source).len() == 1 { left } else { self.g.at_least_0(left) };
            let lacks = self.g.two(Do::Less, left, wanted);
            let amount = self.g.select(lacks, left, wanted);
            self.gets(id, amount, lacks);
            return Ok(());
        }
        let room = rooms[source];
        if self.hopes() {
            if short != ShortKind::Capped {
                self.enough(wanted, room.left);
                rooms[source].left = self.g.two(Do::Subtract, room.left, wanted);
            }
            return Ok(());
        }
        let amount = match short {
            ShortKind::CappedFirst | ShortKind::Capped => {
                let lacks = self.g.two(Do::Less, room.left, wanted);
                let rest = self.g.select(lacks, room.left, wanted);
                if self.is_shared(source, edges) && short == ShortKind::Capped {
                    // A factor of 1 changes nothing.
                    let shares = self.g.two(Do::NotEqual, room.all, wanted);
                    let part = self.g.two(Do::Multiply, wanted, room.factor);
                    self.g.select(shares, part, rest)
                } else {
                    rest
                }
            }
            ShortKind::OrSkip => {
                let fits = self.fits(wanted, room.left, source);
                self.g.select(fits, wanted, self.zero)
            }
        };
        if short != ShortKind::Capped {
            let left = self.g.two(Do::Subtract, room.left, amount);
            rooms[source].left = self.g.at_least_0(left);
        }
        let changed = self.g.two(Do::NotEqual, amount, wanted);
        self.gets(id, amount, changed);
        Ok(())
    }

    /// Whether a move alone is limited at its source, behind all else that leaves it: then what is left is what it leaves, to the bit,
    /// and there is nothing to hope for.
    fn takes_the_rest(&self, id: MoveId, edges: &Edges) -> bool {
        let m = &self.model.moves[id.0 as usize];
        let capped = matches!(m.short, Some(ShortKind::Capped | ShortKind::CappedFirst)) && m.trade.is_none();
        let Some(source) = m.from.filter(|s| capped && !m.two_way && !self.model.stocks[*s].signed) else {
            return false;
        };
        let limited = |end: &End| self.model.moves[end.moved as usize].short.is_some();
        match edges.outs.of(source).split_last() {
            Some((last, rest)) => last.moved == id.0 && !rest.iter().chain(edges.ins.of(source)).any(limited),
            None => false,
        }
    }

    /// Whether several capped moves share a source.
    fn is_shared(&self, source: usize, edges: &Edges) -> bool {
        let capped = |end: &&End| self.model.moves[end.moved as usize].short == Some(ShortKind::Capped);
        edges.outs.of(source).iter().filter(capped).count() > 1
    }

    /// A trade goes through as far as the poorest of its sources lets it.
    fn trade(&mut self, id: TradeId, edges: &Edges, rooms: &mut [Room]) -> Result<(), Alone> {
        let model = self.model;
        let trade = &model.trades[id.0 as usize];
        let holds = trade.legs.first().map_or(self.zero, |leg| self.holds[leg.0 as usize]);
        let mut factor = self.one;
        if self.hopes() && trade.short.is_some() {
            self.hopeful(trade, edges, rooms)?;
        } else if let Some(short) = trade.short {
            for leg in &trade.legs {
                let Some(source) = self.source(*leg)? else { continue };
                self.work_out(source, short, edges, rooms);
                let mut total = self.zero;
                for other in &trade.legs {
                    if self.source(*other)? == Some(source) {
                        total = self.g.two(Do::Add, total, self.wanted[other.0 as usize]);
                    }
                }
                let room = rooms[source];
                let fits = self.fits(total, room.left, source);
                let this = match short {
                    ShortKind::Capped => {
                        let asks = self.g.two(Do::Greater, total, self.zero);
                        self.g.select(asks, room.factor, self.one)
                    }
                    ShortKind::CappedFirst => {
                        let part = self.g.two(Do::Divide, room.left, total);
                        self.g.select(fits, self.one, part)
                    }
                    ShortKind::OrSkip => self.g.select(fits, self.one, self.zero),
                };
                let less = self.g.two(Do::Less, this, factor);
                factor = self.g.select(less, this, factor);
            }
            for leg in &trade.legs {
                let wanted = self.wanted[leg.0 as usize];
                let part = self.g.two(Do::Multiply, wanted, factor);
                let changed = self.g.two(Do::NotEqual, factor, self.one);
                self.gets(*leg, part, changed);
                if let Some(source) = self.source(*leg)?.filter(|_| short != ShortKind::Capped) {
                    let left = self.g.two(Do::Subtract, rooms[source].left, self.got[leg.0 as usize]);
                    rooms[source].left = self.g.at_least_0(left);
                }
            }
        }
        self.factors[id.0 as usize] = self.g.select(holds, factor, self.zero);
        Ok(())
    }

    /// A trade that goes through as a whole.
    fn hopeful(&mut self, trade: &Trade, edges: &Edges, rooms: &mut [Room]) -> Result<(), Alone> {
        let Some(short) = trade.short else { return Ok(()) };
        let mut sources = Vec::new();
        for leg in &trade.legs {
            let Some(source) = self.source(*leg)?.filter(|s| !sources.contains(s)) else { continue };
            sources.push(source);
            self.work_out(source, short, edges, rooms);
            if short == ShortKind::Capped {
                continue;
            }
            let mut left = rooms[source].left;
            for other in &trade.legs {
                if self.source(*other)? == Some(source) {
                    left = self.g.two(Do::Subtract, left, self.wanted[other.0 as usize]);
                }
            }
            self.enough(self.zero, left);
            rooms[source].left = left;
        }
        Ok(())
    }

    /// Whether what is limited is taken to get all it asks for. Most steps are such: that there is enough is then a check, and the
    /// careful code does the others.
    fn hopes(&self) -> bool {
        !self.careful && !self.last
    }

    /// There is enough.
    fn enough(&mut self, wanted: V, left: V) {
        let enough = self.g.two(Do::LessEq, wanted, left);
        self.check(Check::Holds(enough));
    }

    /// Sets what a move gets where that is another amount than it has.
    fn gets(&mut self, id: MoveId, amount: V, changed: V) {
        let i = id.0 as usize;
        let dt = self.dt(id);
        let per_time = self.g.two(Do::Divide, amount, dt);
        self.got[i] = self.g.select(changed, amount, self.got[i]);
        self.taken[i] = self.g.select(changed, per_time, self.taken[i]);
        self.divide(id);
    }

    /// Whether a source has enough for all of it, rounding aside.
    fn fits(&mut self, wanted: V, left: V, source: usize) -> V {
        let (peak, rounding) = (self.peak(source), self.rounding());
        let g = &mut self.g;
        let larger = g.two(Do::Greater, peak, wanted);
        let size = g.select(larger, peak, wanted);
        let fine = g.two(Do::Multiply, rounding, size);
        let lacks = g.two(Do::Subtract, wanted, left);
        let (enough, almost) = (g.two(Do::LessEq, wanted, left), g.two(Do::LessEq, lacks, fine));
        g.or(enough, almost)
    }

    /// Works a source out as far as those need it that are served so.
    fn work_out(&mut self, source: usize, short: ShortKind, edges: &Edges, rooms: &mut [Room]) {
        let need = match short {
            ShortKind::CappedFirst => Known::Room,
            ShortKind::Capped => Known::Pool,
            ShortKind::OrSkip => Known::Left,
        };
        let model = self.model;
        let kind = |end: &&End| model.moves[end.moved as usize].short;
        let mut room = rooms[source];
        let outs = edges.outs.of(source);
        if room.known == Known::Nothing {
            let left = self.room(source, edges);
            // Who asks for no more than there is asks for nothing of what is below 0.
            let left = if self.hopes() { left } else { self.g.at_least_0(left) };
            room = Room { known: Known::Room, left, all: self.zero, factor: self.one };
        }
        let capped: Vec<&End> = outs.iter().filter(|e| kind(e) == Some(ShortKind::Capped)).collect();
        if room.known < need && room.known == Known::Room {
            // Begun with the first and not with 0: of nothing, it is no matter which.
            let mut sum = None;
            for end in &capped {
                let amount = self.size(self.wanted[end.moved as usize], end.way);
                sum = Some(match sum {
                    Some(sum) => self.g.two(Do::Add, sum, amount),
                    None => amount,
                });
            }
            let all = sum.unwrap_or(self.zero);
            if self.hopes() {
                self.enough(all, room.left);
                room.known = Known::Pool;
            }
        }
        if room.known < need && room.known == Known::Room {
            let mut all = self.zero;
            for end in &capped {
                let amount = self.size(self.wanted[end.moved as usize], end.way);
                all = self.g.two(Do::Add, all, amount);
            }
            room.all = all;
            let (enough, part) = (self.fits(all, room.left, source), self.g.two(Do::Divide, room.left, all));
            room.factor = self.g.select(enough, self.one, part);
            room.known = Known::Pool;
        }
        if room.known < need {
            for end in &capped {
                let amount = self.outflow(end);
                let left = self.g.two(Do::Subtract, room.left, amount);
                room.left = if self.hopes() { left } else { self.g.at_least_0(left) };
            }
            room.known = Known::Left;
        }
        rooms[source] = room;
    }

    /// What a source has for what is limited.
    fn room(&mut self, source: usize, edges: &Edges) -> V {
        let model = self.model;
        let unlimited = |end: &&End| model.moves[end.moved as usize].short.is_none();
        let mut left = self.stock(source);
        for end in edges.ins.of(source).iter().filter(unlimited) {
            let amount = self.inflow(end);
            left = self.g.two(Do::Add, left, amount);
        }
        for end in edges.outs.of(source).iter().filter(unlimited) {
            let amount = self.outflow(end);
            left = self.g.two(Do::Subtract, left, amount);
        }
        left
    }

    /// What an end brings a stock.
    fn inflow(&mut self, end: &End) -> V {
        match end.way {
            Way::One => self.parts[end.part as usize],
            way => self.size(self.got[end.moved as usize], way),
        }
    }

    /// What an end takes from a stock.
    fn outflow(&mut self, end: &End) -> V {
        self.size(self.got[end.moved as usize], end.way)
    }

    /// The amount of a move in one direction.
    fn size(&mut self, amount: V, way: Way) -> V {
        match way {
            Way::One => amount,
            Way::Forward => self.g.at_least_0(amount),
            Way::Back => {
                let back = self.g.one(Do::Negate, amount);
                self.g.at_least_0(back)
            }
        }
    }

    /// What each stock holds afterwards. Where that is below 0, or no more than the rounding of those that took all of it, the code
    /// that is careful trims it, once; else it is a check that does not hold.
    fn settle(&mut self, edges: &Edges, rooms: &[Room]) -> Vec<(usize, V)> {
        let touched: Vec<usize> = edges.touched.iter().map(|s| *s as usize).collect();
        let mut after: Vec<(usize, V)> = touched.iter().map(|s| (*s, self.balance(*s, edges))).collect();
        if self.last {
            // On the copy of the last row nothing can fail, and nothing is trimmed.
            return after;
        }
        let mut emptied = vec![self.zero; touched.len()];
        if self.careful {
            for (&s, emptied) in touched.iter().zip(&mut emptied) {
                *emptied = self.trim(s, edges, rooms);
            }
            for ((s, after), emptied) in after.iter_mut().zip(&emptied) {
                let value = self.balance(*s, edges);
                *after = self.g.select(*emptied, self.zero, value);
            }
        }
        for ((s, value), emptied) in after.iter().zip(&emptied) {
            if self.model.stocks[*s].signed {
                self.check(Check::Finite(*value));
            } else if !(self.hopes() && self.is_covered(*s, edges)) {
                self.check(Check::Fine(*value));
            }
            if let Some(dust) = self.dust(*s, *value, edges, rooms) {
                let none = self.g.not(dust);
                let right = self.g.or(none, *emptied);
                self.check(Check::Holds(right));
            }
        }
        after
    }

    /// Whether all that leaves a stock is limited and was found to be there, and nothing comes in: then what is left is fine. Of several
    /// together that holds but for rounding.
    fn is_covered(&self, s: usize, edges: &Edges) -> bool {
        let [end] = edges.outs.of(s) else { return false };
        let found = self.hopes() && self.model.moves[end.moved as usize].short.is_some();
        edges.ins.of(s).is_empty() && (found || self.takes_the_rest(MoveId(end.moved), edges))
    }

    fn balance(&mut self, s: usize, edges: &Edges) -> V {
        let with = self.with(s, edges);
        let mut value = with;
        for end in edges.outs.of(s) {
            let amount = self.outflow(end);
            value = self.g.two(Do::Subtract, value, amount);
        }
        value
    }

    /// What a stock holds with what comes in.
    fn with(&mut self, s: usize, edges: &Edges) -> V {
        let mut value = self.stock(s);
        for end in edges.ins.of(s) {
            let amount = self.inflow(end);
            value = self.g.two(Do::Add, value, amount);
        }
        value
    }

    /// What is no more than this of a stock is rounding.
    fn fine(&mut self, s: usize, edges: &Edges) -> V {
        let (with, peak, rounding) = (self.with(s, edges), self.peak(s), self.rounding());
        let larger = self.g.two(Do::Greater, with, peak);
        let size = self.g.select(larger, with, peak);
        self.g.two(Do::Multiply, rounding, size)
    }

    /// Whether what is left in a stock is the rounding of those that took all of it.
    fn dust(&mut self, s: usize, after: V, edges: &Edges, rooms: &[Room]) -> Option<V> {
        if rooms[s].known == Known::Nothing || self.hopes() {
            return None;
        }
        let fine = self.fine(s, edges);
        let size = self.g.one(Do::Abs, after);
        let little = self.g.two(Do::LessEq, size, fine);
        let may_be = if self.model.stocks[s].signed {
            self.g.two(Do::NotEqual, after, self.zero)
        } else {
            self.g.two(Do::Greater, after, self.zero)
        };
        let little = self.g.and(may_be, little);
        let mut short = self.zero;
        for end in edges.outs.of(s) {
            let is = self.is_short(end, after);
            short = self.g.or(short, is);
        }
        Some(self.g.and(little, short))
    }

    /// A capped move that got less than it wanted of this stock, by as much as is left at least.
    fn is_short(&mut self, end: &End, left: V) -> V {
        let i = end.moved as usize;
        if !matches!(self.model.moves[i].short, Some(ShortKind::CappedFirst | ShortKind::Capped)) {
            return self.zero;
        }
        let (out, wanted) = (self.outflow(end), self.size(self.wanted[i], end.way));
        let less = self.g.two(Do::Less, out, wanted);
        let with = self.g.two(Do::Add, out, left);
        let most = self.g.two(Do::LessEq, with, wanted);
        self.g.and(less, most)
    }

    /// Trims the largest outflow of a stock that lacks no more than rounding, or keeps it; whether it did.
    fn trim(&mut self, s: usize, edges: &Edges, rooms: &[Room]) -> V {
        let outs = edges.outs.of(s);
        if outs.is_empty()
            || outs.len() > MANY
            || self.is_covered(s, edges)
            || outs.iter().any(|end| end.way != Way::One)
        {
            return self.zero;
        }
        let after = self.balance(s, edges);
        let dust = self.dust(s, after, edges, rooms).unwrap_or(self.zero);
        let short = if self.model.stocks[s].signed { self.zero } else { self.g.two(Do::Less, after, self.zero) };
        let need = self.g.or(short, dust);
        if self.g.value(need) == Some(0.0) {
            return need;
        }
        let (with, fine) = (self.with(s, edges), self.fine(s, edges));
        let lacks = self.g.one(Do::Negate, after);
        let little = self.g.two(Do::LessEq, lacks, fine);
        // The largest takes what the others leave; of equals the later. Of dust only those take that want it.
        let none = self.g.constant(-1.0);
        let (mut largest, mut most) = (none, none);
        for (place, end) in outs.iter().enumerate() {
            let (amount, place) = (self.outflow(end), self.g.constant(place as f64));
            let wants = self.is_short(end, after);
            let no_dust = self.g.not(dust);
            let may = self.g.or(no_dust, wants);
            let larger = self.g.two(Do::GreaterEq, amount, most);
            let is = self.g.and(may, larger);
            largest = self.g.select(is, place, largest);
            most = self.g.select(is, amount, most);
        }
        let found = self.g.two(Do::GreaterEq, largest, self.zero);
        let need = self.g.and(need, little);
        let need = self.g.and(need, found);
        let mut rests = Vec::new();
        for end in outs {
            let mut rest = with;
            for other in outs.iter().filter(|e| e.moved != end.moved) {
                let amount = self.outflow(other);
                rest = self.g.two(Do::Subtract, rest, amount);
            }
            rests.push(self.g.at_least_0(rest));
        }
        for (place, (end, rest)) in outs.iter().zip(rests).enumerate() {
            let place = self.g.constant(place as f64);
            let is = self.g.two(Do::Equal, largest, place);
            let is = self.g.and(is, need);
            self.gets(MoveId(end.moved), rest, is);
        }
        need
    }

    /// What a phase does lands, before the next one runs.
    pub(super) fn land(&mut self, settled: Option<&Settled>, news: &[(usize, V)]) {
        if !self.last {
            for (_, value) in news {
                self.check(Check::Finite(*value));
            }
        }
        if let Some(settled) = settled {
            for &(s, value) in &settled.after {
                self.now[self.model.stocks[s].cell.0 as usize] = value;
                if !self.last {
                    self.rise(s, value, &settled.edges);
                }
            }
            if !self.last {
                // What crosses the boundary in this step, per asset: in and out together, as the audit needs no more.
                let mut crossed = vec![(None, None); self.model.assets.len()];
                for &(end, asset, comes_in) in &settled.edges.crossing {
                    let amount = if comes_in { self.outflow(&end) } else { self.inflow(&end) };
                    let (inflow, outflow) = &mut crossed[asset];
                    let sum = if comes_in { inflow } else { outflow };
                    *sum = Some(match *sum {
                        Some(sum) => self.g.two(Do::Add, sum, amount),
                        None => amount,
                    });
                }
                for (asset, (inflow, outflow)) in crossed.into_iter().enumerate() {
                    let at = self.layout.crossed as usize + asset;
                    for (op, sum) in [(Do::Add, inflow), (Do::Subtract, outflow)] {
                        if let Some(sum) = sum {
                            self.now[at] = self.g.two(op, self.now[at], sum);
                        }
                    }
                }
            }
        }
        self.set(news);
    }

    /// The peak of a stock, which only what comes in can raise.
    fn rise(&mut self, s: usize, value: V, edges: &Edges) {
        let signed = self.model.stocks[s].signed;
        if edges.ins.of(s).is_empty() && !signed {
            return;
        }
        let at = self.layout.peaks as usize + s;
        let size = if signed { self.g.one(Do::Abs, value) } else { value };
        let higher = self.g.two(Do::Greater, size, self.now[at]);
        self.now[at] = self.g.select(higher, size, self.now[at]);
    }

    /// The sums since the start, with what moved without a date in this step.
    pub(super) fn sums(&mut self) -> Vec<(u32, V)> {
        let model = self.model;
        let mut sums = Vec::new();
        for sum in &model.sums {
            let amount = match sum.what {
                Summed::Move(m) if model.moves[m.0 as usize].event.is_none() => self.got[m.0 as usize],
                Summed::Move(_) => continue,
                Summed::Rate(e) => {
                    let (rate, dt) = (self.expr(e), self.g.constant(model.clock.dt));
                    self.g.two(Do::Multiply, rate, dt)
                }
            };
            let value = self.g.two(Do::Add, self.now[sum.cell.0 as usize], amount);
            sums.push((sum.cell.0, value));
        }
        sums
    }
}
