//! Shortages by rounding: what stocks lack, or have left, by rounding alone is taken from what moves.
//!
//! In: the stocks that lack something or have dust left. Out: moves and stocks without it, or a failure. Each stock is visited in order,
//! and those again that a change has touched. Absent on purpose: speed; few stocks come here.

use std::collections::BTreeSet;

use super::run::{Checked, Run};
use super::settle::at_least_0;
use crate::exec::FaultKind;
use crate::ir::{MoveId, rounding};

/// A stock, and the place of whose it is.
type Held = (usize, usize);

/// What enters a stock and what leaves it: each a move, the place of whose it is, and how much.
struct Around {
    held: f64,
    with: f64,
    outs: Vec<(usize, usize, f64)>,
}

impl Around {
    fn after(&self) -> f64 {
        self.outs.iter().fold(self.with, |left, (.., out)| left - out)
    }
}

impl Run<'_> {
    pub(super) fn trim(&mut self, phase: usize, wanting: Vec<Held>) -> Checked<()> {
        let mut emptied: BTreeSet<Held> = BTreeSet::new();
        let mut next: BTreeSet<Held> = wanting.into_iter().collect();
        while !next.is_empty() {
            let mut now = std::mem::take(&mut next);
            let mut trimmed = false;
            while let Some(at) = now.pop_first() {
                if emptied.contains(&at) {
                    continue;
                }
                let around = self.around(at, phase);
                let after = around.after();
                let (stock, whose) = at;
                let peak = self.ledger.peaks[stock][whose];
                let size = if around.with > peak { around.with } else { peak };
                let signed = self.model.stocks[stock].signed;
                let short = after < 0.0 && !signed;
                let may_be = after > 0.0 || after < 0.0 && signed;
                let is_short = |(m, i, out): &(usize, usize, f64)| self.is_short(*m, *i, at, *out, after);
                let dust = may_be && after.abs() <= rounding(self.step) * size && around.outs.iter().any(is_short);
                if !short && !dust {
                    // What has changed it since is looked at again, for whoever is trimmed touches what it moves between.
                    self.ledger.after[stock][whose] = after;
                    continue;
                }
                if -after > rounding(self.step) * size {
                    return Err(self.overdraw(at, &around));
                }
                let larger = |a: (usize, usize, f64), b: (usize, usize, f64)| if b.2 >= a.2 { b } else { a };
                let takes = around.outs.iter().copied().filter(|out| !dust || is_short(out));
                emptied.insert(at);
                trimmed = true;
                let Some((m, i, _)) = takes.reduce(larger) else { continue };
                let others = around.outs.iter().filter(|(om, oi, _)| (*om, *oi) != (m, i));
                let amount = at_least_0(others.fold(around.with, |rest, (.., out)| rest - out));
                self.gets(m, i, amount);
                // What else it touches is looked at again: in this round if it comes later, else in the next.
                let parts = self.model.moves[m].parts;
                let ends = std::iter::once(&self.ledger.from[m]);
                let ends = ends.chain(&self.ledger.to[parts.0 as usize..parts.1 as usize]);
                for end in ends.filter_map(|end| end.at(i)).filter(|end| *end != at) {
                    if end > at { &mut now } else { &mut next }.insert(end);
                }
            }
            if !trimmed {
                break;
            }
        }
        for (stock, whose) in emptied {
            self.ledger.after[stock][whose] = 0.0;
        }
        Ok(())
    }

    /// What enters a stock and what leaves it, in order.
    fn around(&self, at: Held, phase: usize) -> Around {
        let held = self.columns.col(self.model.stocks[at.0].cell.0)[at.1];
        let mut around = Around { held, with: held, outs: Vec::new() };
        let edges = &self.ledger.phases[phase];
        let moves = edges.stocks.binary_search(&at.0).map_or(&[][..], |s| &edges.around[s]);
        for m in moves.iter().map(|m| *m as usize) {
            let of = &self.model.moves[m];
            let parts = of.parts.0 as usize..of.parts.1 as usize;
            let ends = || std::iter::once(&self.ledger.from[m]).chain(&self.ledger.to[parts.clone()]);
            for i in self.places(at, m, &mut ends()) {
                let got = self.ledger.got[m][i];
                for part in parts.clone().filter(|part| self.ledger.to[*part].at(i) == Some(at)) {
                    let amount = self.ledger.parts[part][i];
                    around.with += if of.two_way { at_least_0(amount) } else { amount };
                }
                let from = self.ledger.from[m].at(i) == Some(at);
                if of.two_way && from {
                    around.with += at_least_0(-got);
                }
                if from {
                    around.outs.push((m, i, if of.two_way { at_least_0(got) } else { got }));
                }
                if of.two_way && self.ledger.to[parts.start].at(i) == Some(at) {
                    around.outs.push((m, i, at_least_0(-got)));
                }
            }
        }
        around
    }

    /// The places of those whose move may end at this stock.
    fn places(
        &self,
        at: Held,
        m: usize,
        ends: &mut dyn Iterator<Item = &super::settle::End>,
    ) -> std::ops::Range<usize> {
        use super::settle::End;
        let mut range = 0..0;
        for end in ends {
            match end {
                End::Cloud => {}
                End::Own(s) if *s == at.0 => {
                    // Its own, and no other's.
                    range = if range.is_empty() { at.1..at.1 + 1 } else { 0..self.count(m as u32) };
                }
                End::Own(_) => {}
                End::Shared(s) if *s != at.0 => {}
                End::Shared(_) | End::Each(_) => range = 0..self.count(m as u32),
            }
        }
        range
    }

    fn overdraw(&self, (stock, whose): Held, around: &Around) -> crate::exec::Failure {
        let mut outflows: Vec<(MoveId, f64)> = Vec::new();
        for (m, _, out) in &around.outs {
            let id = MoveId(*m as u32);
            match outflows.last_mut().filter(|(last, _)| *last == id) {
                Some((_, sum)) => *sum += out,
                None => outflows.push((id, *out)),
            }
        }
        let kind = FaultKind::Overdraw { stock, held: around.held, inflows: around.with - around.held, outflows };
        kind.of(self.number(self.model.stocks[stock].of, whose))
    }
}
