//! Settlement: what moves ask for, what they get, how it parts, and what the stocks then hold.
//!
//! Nothing is kept that can be worked out again: a source's room, what is left of it and the parts of a split are gone
//! through each time that they are wanted.

use super::{Checked, FaultKind, Held, Moved, Oracle, Stocks, Value};
use crate::ir::{Asset, ExprId, Move, MoveId, PopId, ShortKind, Summed, TradeId, event_hits, rounding};

/// Beyond this, shares are no shares, and the parts are not the whole.
pub(super) const WHOLE: f64 = 1e-9;

fn at_least_zero(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

/// Those that are served first come first.
fn rank(short: Option<ShortKind>) -> u8 {
    match short {
        None => 0,
        Some(ShortKind::CappedFirst) => 1,
        Some(ShortKind::Capped) => 2,
        Some(ShortKind::OrSkip) => 3,
    }
}

impl<'m> Oracle<'m> {
    /// What moves on a date: it lands before the row.
    pub(super) fn dated(&mut self) -> Checked<()> {
        let due = self.due();
        // A dated transfer counts even where the row is the last.
        let last = std::mem::replace(&mut self.last, false);
        self.now.served.clear();
        for m in &due {
            self.ask(*m)?;
        }
        let mut takes: Vec<(u8, Moved)> = Vec::new();
        for m in &due {
            let trade = self.of(*m).trade;
            let known = |(_, other): &(u8, Moved)| self.of(*other).trade == trade && other.member == m.member;
            if trade.is_none() || !takes.iter().any(known) {
                takes.push((rank(self.short(*m)), *m));
            }
        }
        takes.sort_by_key(|(rank, _)| *rank);
        for (_, m) in takes {
            match self.of(m).trade {
                Some(trade) => self.trade(trade, m.member, &due),
                None => self.take(m, &due),
            }
        }
        let stocks = self.settle(&due)?;
        super::finite(&stocks, &[])?;
        self.sum(&due);
        self.commit(&due, stocks);
        self.last = last;
        Ok(())
    }

    /// The dated moves of this step; those of other steps move nothing.
    fn due(&mut self) -> Vec<Moved> {
        let clock = &self.model.clock;
        let mut due = Vec::new();
        for m in self.moves(|m| m.event.is_some()) {
            let Some(event) = self.of(m).event else { continue };
            let (period, last) = (event.period.map(|e| self.said(m, e)), event.last.map(|e| self.said(m, e)));
            if event_hits(clock, self.step, self.said(m, event.first), period, last) {
                due.push(m);
                continue;
            }
            self.now.asked.insert(m, 0.0);
            self.now.taken.insert(m, 0.0);
            if let Some(trade) = self.of(m).trade {
                self.now.factors.insert((trade, m.member), 0.0);
            }
        }
        due
    }

    /// What a move asks for, and how it parts.
    pub(super) fn ask(&mut self, id: Moved) -> Checked<()> {
        let m = self.of(id);
        let holds = m.condition.is_none_or(|c| self.said(id, c) != 0.0) && !(m.once && self.done.contains(&id));
        let combined = self.combined.demands.get(&id.id).copied();
        let mut value = if holds { combined.unwrap_or_else(|| self.said(id, m.amount)) } else { 0.0 };
        // What does not move misses nobody.
        let from = self.end_of(id, m.from, m.whose, holds)?;
        self.now.from.insert(id, from);
        let to: Checked<Vec<Option<Held>>> =
            self.model.parts(m).iter().map(|part| self.end_of(id, part.to, part.whose, holds)).collect();
        self.now.to.insert(id, to?);
        let dt = self.dt(m);
        if !self.last {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Move(id.id), value }.of(id.member));
            }
            if value < 0.0 && !m.two_way {
                let peak = self.reference(id).map_or(0.0, |s| self.peak(s));
                if value * dt < -rounding(self.step) * peak {
                    return Err(FaultKind::Backward { moved: id.id, value }.of(id.member));
                }
                value = 0.0;
            }
            if m.once && holds {
                self.done.insert(id);
            }
        }
        self.now.asked.insert(id, value);
        self.now.wanted.insert(id, value * dt);
        self.now.got.insert(id, value * dt);
        if self.short(id).is_none() {
            self.now.taken.insert(id, value);
        }
        if !holds {
            return Ok(());
        }
        self.now.holds.insert(id);
        let said: Vec<f64> = match self.combined.said.get(&id.id) {
            Some(combined) => combined.clone(),
            None => self.model.parts(m).iter().filter_map(|p| p.share).map(|e| self.said(id, e)).collect(),
        };
        self.now.shares.insert(id, if m.amounts { self.amounts(id, value, said)? } else { self.shares(id, said)? });
        Ok(())
    }

    /// The parts of a split as shares: each of them one, and together the whole, or no more than that where the last takes
    /// the rest.
    fn shares(&self, id: Moved, said: Vec<f64>) -> Checked<Vec<f64>> {
        if !self.is_split(id) {
            return Ok(said);
        }
        for (part, &value) in said.iter().enumerate() {
            if !self.last && (value.is_nan() || !(-WHOLE..=1.0 + WHOLE).contains(&value)) {
                return Err(FaultKind::Part { moved: id.id, part, value }.of(id.member));
            }
        }
        let shares: Vec<f64> = said.into_iter().map(|s| s.clamp(0.0, 1.0)).collect();
        let sum = shares.iter().fold(0.0, |sum, s| sum + s);
        let wrong = if self.has_rest(id) { sum > 1.0 + WHOLE } else { (sum - 1.0).abs() > WHOLE };
        if wrong && !self.last {
            return Err(FaultKind::Parts { moved: id.id, sum, whole: 1.0 }.of(id.member));
        }
        Ok(shares)
    }

    /// The parts of a split as amounts, per time for flows: none below nothing, and together what the move asks for.
    fn amounts(&self, id: Moved, value: f64, said: Vec<f64>) -> Checked<Vec<f64>> {
        let m = self.of(id);
        let dt = self.dt(m);
        let wanted = self.wanted(id).abs();
        let size = match self.reference(id) {
            Some(s) if self.peak(s) > wanted => self.peak(s),
            _ => wanted,
        };
        let rounded = rounding(self.step) * size;
        for (part, &value) in said.iter().enumerate() {
            if !self.last && (!value.is_finite() || value * dt < -rounded) {
                return Err(FaultKind::Part { moved: id.id, part, value }.of(id.member));
            }
        }
        let amounts: Vec<f64> = said.into_iter().map(|a| if a < 0.0 { 0.0 } else { a }).collect();
        let sum = amounts.iter().fold(0.0, |sum, a| sum + a);
        let share = WHOLE * wanted;
        let slack = if rounded > share { rounded } else { share };
        let wrong = if self.has_rest(id) { (sum - value) * dt > rounded } else { (sum - value).abs() * dt > slack };
        if wrong && !self.last {
            return Err(FaultKind::Parts { moved: id.id, sum, whole: value }.of(id.member));
        }
        Ok(amounts)
    }

    /// What each part gets of what the move gets.
    fn divide(&self, id: Moved) -> Vec<f64> {
        let m = self.of(id);
        let got = self.got(id);
        let count = self.model.parts(m).len();
        if !self.is_split(id) {
            return vec![got];
        }
        let (true, Some(said)) = (self.now.holds.contains(&id), self.now.shares.get(&id)) else {
            return vec![0.0; count];
        };
        let factor = if got == self.wanted(id) { 1.0 } else { got / self.wanted(id) };
        let part = |said: &f64| if m.amounts { said * self.dt(m) * factor } else { said * got };
        let mut parts: Vec<f64> = said.iter().take(count - 1).map(part).collect();
        let mut last = parts.iter().fold(got, |rest, part| rest - part);
        if last < 0.0 {
            // The others together are more than there is, by rounding: the largest of them bears it.
            last = 0.0;
            let largest = (0..parts.len()).reduce(|a, b| if parts[b] >= parts[a] { b } else { a });
            if let Some(largest) = largest {
                let others = (0..parts.len()).filter(|i| *i != largest);
                parts[largest] = at_least_zero(others.fold(got, |rest, i| rest - parts[i]));
            }
        }
        parts.push(last);
        parts
    }

    /// What a move gets that is no leg, given those that move at the same time.
    pub(super) fn take(&mut self, id: Moved, together: &[Moved]) {
        let wanted = self.size(id, self.wanted(id));
        let mut amount = wanted;
        if let (Some(short), Some(source)) = (self.short(id), self.source(id)) {
            let left = self.left(source, short, together);
            amount = match short {
                // Who shares it with nobody takes what there is, to the bit.
                ShortKind::Capped if self.capped(source, together) != wanted => wanted * self.common(source, together),
                ShortKind::CappedFirst | ShortKind::Capped if left < wanted => left,
                ShortKind::CappedFirst | ShortKind::Capped => wanted,
                ShortKind::OrSkip if self.fits(wanted, left, source) => wanted,
                ShortKind::OrSkip => 0.0,
            };
        }
        self.gets(id, if self.backward(id) { 0.0 - amount } else { amount });
        self.now.served.push(id);
        let missing = self.missing(id);
        if missing > self.slack(id) && !self.last {
            self.short[id.id.0 as usize] += 1;
            self.missed[id.id.0 as usize] += missing;
        }
    }

    /// What the legs of a trade get: all the same share of what they ask for, as the poorest source has it.
    pub(super) fn trade(&mut self, id: TradeId, member: Option<u32>, together: &[Moved]) {
        let trade = &self.model.trades[id.0 as usize];
        let legs: Vec<Moved> = trade.legs.iter().map(|leg| Moved { id: *leg, member }).collect();
        let mut factor = 1.0;
        for leg in &legs {
            let (Some(short), Some(source)) = (trade.short, self.source(*leg)) else { continue };
            let same = legs.iter().filter(|l| self.source(**l) == Some(source));
            let total = same.fold(0.0, |total, l| total + self.size(*l, self.wanted(*l)));
            let left = self.left(source, short, together);
            let f = match short {
                ShortKind::CappedFirst if self.fits(total, left, source) => 1.0,
                ShortKind::CappedFirst => left / total,
                ShortKind::Capped if total > 0.0 => self.common(source, together),
                ShortKind::Capped => 1.0,
                ShortKind::OrSkip if self.fits(total, left, source) => 1.0,
                ShortKind::OrSkip => 0.0,
            };
            factor = if f < factor { f } else { factor };
        }
        for leg in &legs {
            let wanted = self.wanted(*leg);
            self.gets(*leg, if factor == 1.0 { wanted } else { wanted * factor });
        }
        self.now.served.extend(&legs);
        let holds = legs.first().is_some_and(|leg| self.now.holds.contains(leg));
        self.now.factors.insert((id, member), if holds { factor } else { 0.0 });
        if !self.last && legs.iter().any(|leg| self.missing(*leg) > self.slack(*leg)) {
            self.short_trades[id.0 as usize] += 1;
        }
    }

    /// Of a limited move, what it gets; what is got in full is what was asked for, to the bit.
    fn gets(&mut self, id: Moved, got: f64) {
        let asked = self.now.asked.get(&id).copied().unwrap_or(0.0);
        let taken = if got == self.wanted(id) { asked } else { got / self.dt(self.of(id)) };
        self.now.got.insert(id, got);
        self.now.taken.insert(id, taken);
    }

    fn missing(&self, id: Moved) -> f64 {
        self.wanted(id).abs() - self.got(id).abs()
    }

    /// What is missing by rounding is no cap. What comes from the cloud is measured by itself.
    fn slack(&self, id: Moved) -> f64 {
        rounding(self.step) * self.source(id).map_or(self.wanted(id).abs(), |s| self.peak(s))
    }

    /// What a source has for limited moves: capped inflows of the same phase do not count.
    fn room(&self, source: Held, together: &[Moved]) -> f64 {
        let uncapped: Vec<Moved> = together.iter().copied().filter(|m| self.short(*m).is_none()).collect();
        at_least_zero(self.balance(source, &uncapped))
    }

    /// What is left for the next that is limited like this.
    fn left(&self, source: Held, short: ShortKind, together: &[Moved]) -> f64 {
        let of = |moves: &[Moved], kind: ShortKind| -> Vec<Moved> {
            let is = |m: &Moved| self.short(*m) == Some(kind) && self.source(*m) == Some(source);
            moves.iter().copied().filter(is).collect()
        };
        let mut before = of(&self.now.served, ShortKind::CappedFirst);
        if short == ShortKind::OrSkip {
            before.extend(of(together, ShortKind::Capped));
            before.extend(of(&self.now.served, ShortKind::OrSkip));
        }
        let got = |m: Moved| self.size(m, self.got(m));
        before.into_iter().fold(self.room(source, together), |left, m| at_least_zero(left - got(m)))
    }

    /// Whether there is enough for all of it: what is missing by rounding is there.
    fn fits(&self, wanted: f64, left: f64, source: Held) -> bool {
        let peak = self.peak(source);
        let size = if peak > wanted { peak } else { wanted };
        wanted <= left || wanted - left <= rounding(self.step) * size
    }

    /// What all capped moves want of a source together.
    fn capped(&self, source: Held, together: &[Moved]) -> f64 {
        let capped = |m: &&Moved| self.short(**m) == Some(ShortKind::Capped) && self.source(**m) == Some(source);
        together.iter().filter(capped).fold(0.0, |all, m| all + self.size(*m, self.wanted(*m)))
    }

    /// The share that all get who are capped at a source.
    fn common(&self, source: Held, together: &[Moved]) -> f64 {
        let left = self.left(source, ShortKind::Capped, together);
        let all = self.capped(source, together);
        if self.fits(all, left, source) { 1.0 } else { left / all }
    }

    /// What really moves, with shortages by rounding trimmed; and what each stock then holds.
    pub(super) fn settle(&mut self, together: &[Moved]) -> Checked<Stocks> {
        let stocks = self.stocks();
        let mut emptied = vec![false; stocks.len()];
        for _ in 0..=stocks.len() {
            let mut trimmed = false;
            for (i, s) in stocks.iter().enumerate() {
                let after = self.balance(*s, together);
                let dust = self.is_dust(*s, after, together);
                if !emptied[i] && (!self.signed(*s) && after < 0.0 || dust) {
                    self.trim(*s, -after, dust, together)?;
                    emptied[i] = true;
                    trimmed = true;
                }
            }
            if !trimmed {
                break;
            }
        }
        let mut after = self.after(together);
        for ((_, value), emptied) in after.iter_mut().zip(emptied) {
            *value = if emptied { 0.0 } else { *value };
        }
        Ok(after)
    }

    /// What is left of a stock that was to be emptied, and would have been but for rounding.
    fn is_dust(&self, s: Held, after: f64, together: &[Moved]) -> bool {
        let with = self.with_inflows(s, together);
        let size = if with > self.peak(s) { with } else { self.peak(s) };
        let short = self.outflows(s, together).into_iter().any(|(m, out)| self.is_short(s, m, out, after));
        let may_be = after > 0.0 || after < 0.0 && self.signed(s);
        may_be && after.abs() <= rounding(self.step) * size && short
    }

    /// It is capped, takes from this stock, and got less of it than it wanted, by as much as is left at least.
    fn is_short(&self, s: Held, id: Moved, out: f64, left: f64) -> bool {
        let capped = matches!(self.short(id), Some(ShortKind::CappedFirst | ShortKind::Capped));
        let wanted = self.size(id, self.wanted(id));
        capped && self.source(id) == Some(s) && out < wanted && out + left <= wanted
    }

    /// A stock that lacks something by rounding: its largest outflow takes what is there. Where something is left by rounding,
    /// the largest of those that are short takes it.
    fn trim(&mut self, s: Held, lacks: f64, dust: bool, together: &[Moved]) -> Checked<()> {
        let held = self.holds(s);
        let with = self.with_inflows(s, together);
        let outflows = self.outflows(s, together);
        let size = if with > self.peak(s) { with } else { self.peak(s) };
        if lacks > rounding(self.step) * size {
            let mut all: Vec<(MoveId, f64)> = Vec::new();
            for (m, out) in outflows {
                match all.last_mut().filter(|(id, _)| *id == m.id) {
                    Some((_, sum)) => *sum += out,
                    None => all.push((m.id, out)),
                }
            }
            let fault = FaultKind::Overdraw { stock: s.stock, held, inflows: with - held, outflows: all };
            return Err(fault.of(s.member));
        }
        let takes = outflows.iter().copied().filter(|(m, out)| !dust || self.is_short(s, *m, *out, -lacks));
        let Some((largest, _)) = takes.reduce(|a, b| if b.1 >= a.1 { b } else { a }) else {
            return Ok(());
        };
        let others = outflows.iter().filter(|(m, _)| *m != largest);
        let amount = at_least_zero(others.fold(with, |rest, (_, other)| rest - other));
        let got = if self.backward(largest) { 0.0 - amount } else { amount };
        self.now.got.insert(largest, got);
        self.now.taken.insert(largest, got / self.dt(self.of(largest)));
        Ok(())
    }

    /// What each stock holds after these moves, as they are.
    pub(super) fn after(&self, together: &[Moved]) -> Stocks {
        self.stocks().into_iter().map(|s| (s, self.balance(s, together))).collect()
    }

    fn balance(&self, s: Held, together: &[Moved]) -> f64 {
        self.outflows(s, together).iter().fold(self.with_inflows(s, together), |value, (_, out)| value - out)
    }

    fn with_inflows(&self, s: Held, together: &[Moved]) -> f64 {
        let mut with = self.holds(s);
        for id in together {
            let m = self.of(*id);
            let Some(to) = self.now.to.get(id) else { continue };
            for (to, amount) in to.iter().zip(self.divide(*id)) {
                if *to == Some(s) {
                    with += if m.two_way { at_least_zero(amount) } else { amount };
                }
            }
            if m.two_way && self.taken_from(*id) == Some(s) {
                with += at_least_zero(-self.got(*id));
            }
        }
        with
    }

    /// What leaves a stock. A move that runs both ways stands among it whichever way it runs.
    fn outflows(&self, s: Held, together: &[Moved]) -> Vec<(Moved, f64)> {
        let mut outflows = Vec::new();
        for id in together {
            let m = self.of(*id);
            let got = self.got(*id);
            if self.taken_from(*id) == Some(s) {
                outflows.push((*id, if m.two_way { at_least_zero(got) } else { got }));
            }
            if m.two_way && self.only_target(*id) == Some(s) {
                outflows.push((*id, at_least_zero(-got)));
            }
        }
        outflows
    }

    pub(super) fn sum(&mut self, together: &[Moved]) {
        for sum in &self.model.sums {
            let Summed::Move(id) = sum.what else { continue };
            for moved in together.iter().filter(|m| m.id == id) {
                self.set(sum.cell, moved.member, self.cell(sum.cell, moved.member) + self.got(*moved));
            }
        }
    }

    pub(super) fn commit(&mut self, together: &[Moved], stocks: Stocks) {
        let model = self.model;
        for (s, value) in stocks {
            self.set(model.stocks[s.stock].cell, s.member, value);
            self.peaks.insert(s, if value.abs() > self.peak(s) { value.abs() } else { self.peak(s) });
        }
        for (i, asset) in model.assets.iter().enumerate() {
            for id in together {
                if self.touches(*id, asset) {
                    let (inflow, outflow) = self.crossing(*id);
                    inflow.iter().for_each(|amount| self.balances[i].inflow += amount);
                    outflow.iter().for_each(|amount| self.balances[i].outflow += amount);
                }
            }
            let size = self.held(asset, f64::abs) + self.balances[i].inflow + self.balances[i].outflow;
            let scale = &mut self.balances[i].scale;
            *scale = if size > *scale { size } else { *scale };
        }
    }

    fn touches(&self, id: Moved, asset: &Asset) -> bool {
        let m = self.of(id);
        m.from.into_iter().chain(self.model.parts(m).iter().filter_map(|p| p.to)).any(|s| asset.stocks.contains(&s))
    }

    /// What a move brings in from the cloud, and what it takes out to it.
    fn crossing(&self, id: Moved) -> (Vec<f64>, Vec<f64>) {
        let m = self.of(id);
        let got = self.got(id);
        let (mut inflow, mut outflow) = (Vec::new(), Vec::new());
        if m.two_way {
            let (onward, back) = (at_least_zero(got), at_least_zero(-got));
            if self.taken_from(id).is_none() {
                (inflow, outflow) = (vec![onward], vec![back]);
            } else if self.only_target(id).is_none() {
                (inflow, outflow) = (vec![back], vec![onward]);
            }
            return (inflow, outflow);
        }
        if self.taken_from(id).is_none() {
            inflow.push(got);
        }
        for (to, amount) in self.now.to.get(&id).into_iter().flatten().zip(self.divide(id)) {
            if to.is_none() {
                outflow.push(amount);
            }
        }
        (inflow, outflow)
    }

    fn of(&self, id: Moved) -> &'m Move {
        &self.model.moves[id.id.0 as usize]
    }

    fn dt(&self, m: &Move) -> f64 {
        if m.flow { self.model.clock.dt } else { 1.0 }
    }

    fn is_split(&self, id: Moved) -> bool {
        let parts = self.model.parts(self.of(id));
        parts.len() > 1 || parts.first().is_some_and(|p| p.share.is_some())
    }

    /// The last part of a split has what the others leave, and says nothing of its own.
    fn has_rest(&self, id: Moved) -> bool {
        self.model.parts(self.of(id)).last().is_some_and(|p| p.share.is_none())
    }

    fn only_target(&self, id: Moved) -> Option<Held> {
        self.now.to.get(&id).and_then(|to| to.first().copied().flatten())
    }

    fn taken_from(&self, id: Moved) -> Option<Held> {
        self.now.from.get(&id).copied().flatten()
    }

    /// An expression of what moves: of the model, or of the member whose move it is.
    fn said(&self, id: Moved, e: ExprId) -> f64 {
        self.eval_for(e, self.of(id).of, id.member)
    }

    /// The end of a move: nothing where that is the cloud.
    fn end_of(&self, id: Moved, stock: Option<usize>, whose: Option<u32>, holds: bool) -> Checked<Option<Held>> {
        let end = self.end(stock, whose, self.of(id).of, id.member);
        // In the last row nothing can fail.
        if self.last || !holds { Ok(end.unwrap_or(None)) } else { end }
    }

    /// A stock of the model, of the member that says it, or of one that is referred to.
    pub(super) fn end(
        &self,
        stock: Option<usize>,
        whose: Option<u32>,
        of: Option<PopId>,
        member: Option<u32>,
    ) -> Checked<Option<Held>> {
        let own = |stock: usize| {
            let its = self.model.stocks[stock].of.and(member);
            Held { stock, member: its }
        };
        let Some((stock, whose)) = stock.zip(whose) else { return Ok(stock.map(own)) };
        let whose = &self.model.whose[whose as usize];
        let number = self.eval_for(whose.member, of, member);
        match (self.named(whose.population, number), whose.otherwise) {
            (Some(other), _) => Ok(Some(Held { stock, member: Some(other) })),
            (None, Some(otherwise)) => Ok(otherwise.map(own)),
            (None, None) => Err(FaultKind::Nobody { stock, number }.of(member)),
        }
    }

    /// What a stock holds as the phase found it.
    fn holds(&self, s: Held) -> f64 {
        self.cell(self.model.stocks[s.stock].cell, s.member)
    }

    fn peak(&self, s: Held) -> f64 {
        self.peaks.get(&s).copied().unwrap_or(0.0)
    }

    fn signed(&self, s: Held) -> bool {
        self.model.stocks[s.stock].signed
    }

    /// The stock by which rounding of a move is measured: its source, else the first of its targets.
    fn reference(&self, id: Moved) -> Option<Held> {
        self.taken_from(id).or_else(|| self.now.to.get(&id).and_then(|to| to.iter().copied().flatten().next()))
    }

    /// How a move is limited; legs are as their trade is.
    fn short(&self, id: Moved) -> Option<ShortKind> {
        let m = self.of(id);
        m.trade.map_or(m.short, |t| self.model.trades[t.0 as usize].short)
    }

    /// Whether a move runs from its target to its source.
    fn backward(&self, id: Moved) -> bool {
        self.of(id).two_way && self.wanted(id) < 0.0
    }

    /// The stock that a move takes from, the way it runs.
    fn source(&self, id: Moved) -> Option<Held> {
        if self.backward(id) { self.only_target(id) } else { self.taken_from(id) }
    }

    /// An amount of a move, the way it runs.
    fn size(&self, id: Moved, amount: f64) -> f64 {
        if self.backward(id) { -amount } else { amount }
    }

    fn wanted(&self, id: Moved) -> f64 {
        self.now.wanted.get(&id).copied().unwrap_or(0.0)
    }

    fn got(&self, id: Moved) -> f64 {
        self.now.got.get(&id).copied().unwrap_or(0.0)
    }
}
