//! How members come and go: behind all that a step does, first those that retire, then those that are born.
//!
//! In: the committed end of a step. Out: columns without the retired and with the newborn. Invariant: columns stay in order of number.

use super::run::{Checked, Run, sample};
use super::settle::{End, WHOLE};
use super::{Birth, Inner, Reg, Space};
use crate::builtins::philox::{Place, key, uniform};
use crate::exec::{Drawn, FaultKind, Value};
use crate::ir::{Born, PopId, Retire, Spawning, rounding};

/// A whole one may lack so little.
const ALMOST: f64 = 1e-9;

/// The stock that lacks something, how much is asked of it, and what it holds.
type Lack = Option<(usize, f64, f64)>;

impl Run<'_> {
    /// Those that live from the start.
    pub(super) fn first_members(&mut self) -> Checked<()> {
        for (i, spawn) in self.model.spawns.iter().enumerate() {
            if let Spawning::Initially(_) = spawn.how {
                let count = self.said(i);
                let (_, lack) = self.births(i, count, libm::floor(count + ALMOST))?;
                if let Some((stock, needs, holds)) = lack {
                    return Err(FaultKind::Unfunded { spawn: i, stock, needs, holds }.into());
                }
            }
        }
        Ok(())
    }

    /// How many a `spawn` says are born.
    fn said(&mut self, spawn: usize) -> f64 {
        let said = &self.program.spawns[spawn];
        self.columns.exec(&said.code);
        self.columns.one(said.regs[0])
    }

    /// Those that retire, and those that are born.
    pub(super) fn life(&mut self) -> Checked<()> {
        let model = self.model;
        for (i, retire) in model.retires.iter().enumerate() {
            self.retire(i, retire)?;
        }
        for (i, spawn) in model.spawns.iter().enumerate() {
            match spawn.how {
                Spawning::Initially(_) => {}
                Spawning::Rate(_) | Spawning::Each(_) => {
                    let rate = self.said(i);
                    let per_time = matches!(spawn.how, Spawning::Rate(_));
                    self.spawned[i] += if per_time { rate * model.clock.dt } else { rate };
                    let (born, _) = self.births(i, rate, libm::floor(self.spawned[i] + ALMOST))?;
                    self.spawned[i] -= born as f64;
                }
                Spawning::UpTo(_) => {
                    let target = self.said(i);
                    let alive = self.columns.alive[spawn.population.0 as usize] as f64;
                    self.births(i, target, libm::floor(target + ALMOST) - alive)?;
                }
            }
        }
        self.audit_scale();
        Ok(())
    }

    /// Gives birth to so many, and says how many there were, and what the next one lacked.
    fn births(&mut self, spawn: usize, said: f64, due: f64) -> Checked<(u64, Lack)> {
        let population = self.model.spawns[spawn].population;
        let p = population.0 as usize;
        if !(said >= 0.0 && said.is_finite()) {
            return Err(FaultKind::Births { spawn, value: said }.into());
        }
        let (limit, alive) = (self.limits[p], self.columns.alive[p] as f64);
        // One too many is enough to know.
        let room = libm::floor(limit) - alive + 1.0;
        let due = if due < room { due } else { room };
        if due < 1.0 {
            return Ok((0, None));
        }
        let ends = self.newborns(population, due as usize)?;
        let (mut born, mut lack, mut crowded) = (0, None, false);
        for i in 0..due as usize {
            lack = self.lacks(population, &ends, i);
            if lack.is_some() {
                break;
            }
            if alive + born as f64 + 1.0 > limit {
                crowded = true;
                break;
            }
            self.fund(population, &ends, i);
            born += 1;
        }
        self.join(population, born as usize);
        if crowded {
            return Err(FaultKind::Crowded { population, limit }.into());
        }
        Ok((born, lack))
    }

    /// What newborns open with, worked out before any of them is there; and where what they open with is taken from.
    fn newborns(&mut self, population: PopId, count: usize) -> Checked<Vec<End>> {
        let (program, model) = (self.program, self.model);
        let p = population.0 as usize;
        let births = &program.births[p];
        self.columns.newborn[p] = count;
        let first = self.lives[p].born;
        self.columns.cols[births.number as usize] = (0..count as u64).map(|i| (first + i) as f64).collect();
        self.columns.cols[births.first_row as usize] = vec![self.step as f64; count];
        let all = vec![true; count];
        let mut ends = Vec::with_capacity(births.all.len());
        // What is wrong is told of the first of them to whom it happens.
        let mut failed: Option<(usize, FaultKind)> = None;
        for (i, (birth, (value, from))) in model.births(population).iter().zip(&births.all).enumerate() {
            let wrong = match value {
                Birth::Formula(said) => {
                    self.columns.exec(&said.code);
                    None
                }
                Birth::Drawn(said) => {
                    self.columns.exec(&said.code);
                    self.draw_births(population, i, said.regs[0], &said.regs[1..])
                }
                Birth::Pick { code, inner, condition, weight } => {
                    self.columns.exec(code);
                    self.pick(population, i, inner.as_ref(), *condition, *weight)
                }
            };
            let note = |failed: &mut Option<(usize, FaultKind)>, found: Option<(usize, FaultKind)>| {
                if let Some(found) = found
                    && failed.as_ref().is_none_or(|before| found.0 < before.0)
                {
                    *failed = Some(found);
                }
            };
            note(&mut failed, wrong);
            let values = self.newborn_column(population, i);
            if (birth.cell.0 as usize) < model.holdings {
                let what = Value::Birth(population, i);
                let at = values.iter().position(|v| !v.is_finite());
                note(&mut failed, at.map(|at| (at, FaultKind::NotFinite { what, value: values[at] })));
            }
            if let Some(stock) = model.stocks.iter().position(|s| s.cell == birth.cell && !s.signed) {
                let at = values.iter().position(|v| *v < 0.0);
                note(&mut failed, at.map(|at| (at, FaultKind::OpensBelowZero { stock, value: values[at] })));
            }
            let (mut end, mut lacks) = (End::Cloud, None);
            if let Some(funded) = birth.from {
                if let Some(said) = from {
                    self.columns.exec(&said.code);
                }
                let reference = from.as_ref().map(|said| said.regs[0]);
                (end, lacks) = self.end(funded.from, funded.whose, reference, true, &all);
            }
            note(&mut failed, lacks.map(|(at, stock, number)| (at, FaultKind::Nobody { stock, number })));
            ends.push(end);
        }
        match failed {
            Some((at, kind)) => Err(kind.of(Some((first + at as u64) as u32))),
            None => Ok(ends),
        }
    }

    /// The column of a birth.
    fn newborn_column(&self, population: PopId, birth: usize) -> &[f64] {
        self.columns.col(self.newborn_reg(population, birth))
    }

    fn newborn_reg(&self, population: PopId, birth: usize) -> Reg {
        // They stand behind number and first row, in the order of births.
        self.program.births[population.0 as usize].first_row + 1 + birth as Reg
    }

    fn draw_births(&mut self, population: PopId, birth: usize, to: Reg, args: &[Reg]) -> Option<(usize, FaultKind)> {
        let model = self.model;
        let Born::Drawn { hash, how, .. } = &model.births(population)[birth].value else { return None };
        let luck = key(self.case.seed, *hash);
        let n = self.columns.newborn[population.0 as usize];
        let numbers = self.columns.col(self.program.births[population.0 as usize].number);
        let views: Vec<_> = args.iter().map(|a| self.columns.view(*a, n)).collect();
        let mut values = Vec::with_capacity(n);
        let mut wrong = None;
        for (i, number) in numbers.iter().enumerate() {
            let args: Vec<f64> = views.iter().map(|view| view.at(i)).collect();
            let place = Place { run: self.case.run, step: 0, member: *number as u32 };
            let value = sample(how, model, &args, luck, place);
            if !value.is_finite() && wrong.is_none() {
                wrong = Some((i, FaultKind::Draw { what: Drawn::Birth(population, birth), args, value }));
            }
            values.push(value);
        }
        self.columns.cols[to as usize] = values;
        wrong
    }

    /// Living members, by the weights that they have for each newborn.
    fn pick(
        &mut self,
        population: PopId,
        birth: usize,
        inner: Option<&Inner>,
        condition: Option<Reg>,
        weight: Option<Reg>,
    ) -> Option<(usize, FaultKind)> {
        let model = self.model;
        let Born::Pick { hash, population: among, .. } = &model.births(population)[birth].value else { return None };
        let luck = key(self.case.seed, *hash);
        let numbers = self.columns.col(self.program.births[population.0 as usize].number).to_vec();
        let mut values = Vec::with_capacity(numbers.len());
        let (mut wrong, mut candidates) = (None, (Vec::new(), 0, 0.0));
        for (i, number) in numbers.iter().enumerate() {
            if let Some(inner) = inner {
                self.columns.enter(inner, i);
            }
            if i == 0 || inner.is_some() {
                candidates = self.candidates(*among, condition, weight);
            }
            let (sums, count, total) = &candidates;
            if !(*total > 0.0 && total.is_finite()) && wrong.is_none() {
                wrong = Some((i, FaultKind::Pick { population, birth, candidates: *count, weight: *total }));
            }
            let place = Place { run: self.case.run, step: 0, member: *number as u32 };
            let at = uniform(luck, place) * total;
            let found = sums.partition_point(|(sum, _)| *sum <= at).min(sums.len().saturating_sub(1));
            values.push(sums.get(found).map_or(f64::NAN, |(_, number)| *number));
        }
        let to = self.newborn_reg(population, birth);
        self.columns.cols[to as usize] = values;
        wrong
    }

    /// Those with a chance, each with the weights up to its own; how many there are with and without one; all weights together.
    fn candidates(&self, among: PopId, condition: Option<Reg>, weight: Option<Reg>) -> (Vec<(f64, f64)>, usize, f64) {
        let numbers = self.columns.col(self.program.numbers[among.0 as usize]);
        let n = numbers.len();
        let (condition, weight) = (condition.map(|c| self.columns.view(c, n)), weight.map(|w| self.columns.view(w, n)));
        let (mut sums, mut count, mut total, mut sum) = (Vec::with_capacity(n), 0, 0.0, 0.0);
        for (i, number) in numbers.iter().enumerate() {
            if condition.is_some_and(|c| c.at(i) == 0.0) {
                continue;
            }
            let weight = weight.map_or(1.0, |w| w.at(i));
            total += if weight >= 0.0 { weight } else { f64::NAN };
            count += 1;
            if weight > 0.0 {
                sum += weight;
                sums.push((sum, *number));
            }
        }
        (sums, count, total)
    }

    /// What a newborn would take more than there is: of which stock, how much of it, and what that holds.
    fn lacks(&self, population: PopId, ends: &[End], i: usize) -> Lack {
        let mut left: Vec<((usize, usize), f64)> = Vec::new();
        // What is taken from nowhere, or from the cloud, is always there.
        for (n, end) in ends.iter().enumerate() {
            let Some(from) = end.at(i) else { continue };
            let amount = self.newborn_column(population, n)[i];
            let before = left.iter().rev().find(|(held, _)| *held == from);
            let holds = before.map_or_else(|| self.holds(from), |(_, holds)| *holds);
            match self.takes(from, holds, amount) {
                Some(rest) => left.push((from, rest)),
                None => return Some((from.0, amount, holds)),
            }
        }
        None
    }

    fn holds(&self, (stock, whose): (usize, usize)) -> f64 {
        self.columns.col(self.model.stocks[stock].cell.0)[whose]
    }

    /// What a stock holds when so much has been taken for a newborn: what it lacks by rounding, it has.
    fn takes(&self, from: (usize, usize), holds: f64, amount: f64) -> Option<f64> {
        let rest = holds - amount;
        if rest >= 0.0 || self.model.stocks[from.0].signed {
            return Some(rest);
        }
        (-rest <= rounding(self.step) * self.ledger.peaks[from.0][from.1]).then_some(0.0)
    }

    /// Takes what a newborn opens with from where it comes.
    fn fund(&mut self, population: PopId, ends: &[End], i: usize) {
        let model = self.model;
        for (n, birth) in model.births(population).iter().enumerate() {
            let Some(funded) = birth.from else { continue };
            let amount = self.newborn_column(population, n)[i];
            match ends[n].at(i) {
                Some(from) => {
                    let holds = self.holds(from);
                    let rest = self.takes(from, holds, amount).unwrap_or(0.0);
                    if holds - amount < 0.0 && !model.stocks[from.0].signed {
                        let reg = self.newborn_reg(population, n);
                        self.columns.cols[reg as usize][i] = holds;
                    }
                    self.put(from, rest);
                }
                None => {
                    if let Some(asset) = self.asset(funded.stock) {
                        self.balances[asset].inflow += amount;
                    }
                }
            }
        }
    }

    /// The first of the newborns are members from now on.
    fn join(&mut self, population: PopId, born: usize) {
        let (program, model) = (self.program, self.model);
        let p = population.0 as usize;
        let births = &program.births[p];
        for (to, from) in [(program.numbers[p], births.number), (program.first_rows[p], births.first_row)] {
            let new = self.columns.col(from)[..born].to_vec();
            self.columns.cols[to as usize].extend(new);
        }
        self.columns.alive[p] += born;
        self.lives[p].born += born as u64;
        if let Some(roll) = self.rolls.get_mut(p) {
            roll.lives.extend(std::iter::repeat_n((self.step, None), born));
        }
        let alive = self.columns.alive[p];
        // What nobody opens is 0, and what is drawn or worked out in a step is not yet.
        for reg in 0..program.time {
            if program.spaces[reg as usize] != Space::Living(population.0) {
                continue;
            }
            let unknown = reg >= program.factors && reg < program.probes;
            self.columns.cols[reg as usize].resize(alive, if unknown { f64::NAN } else { 0.0 });
        }
        for (n, birth) in model.births(population).iter().enumerate() {
            let new = self.newborn_column(population, n)[..born].to_vec();
            self.columns.cols[birth.cell.0 as usize][alive - born..].copy_from_slice(&new);
        }
        for (s, stock) in model.stocks.iter().enumerate().filter(|(_, s)| s.of == Some(population)) {
            let held = &self.columns.cols[stock.cell.0 as usize][alive - born..];
            let funded = model.births(population).iter().any(|b| b.cell == stock.cell && b.from.is_some());
            self.ledger.peaks[s].extend(held.iter().map(|v| if funded { v.abs() } else { 0.0 }));
        }
        for (m, _) in model.moves.iter().enumerate().filter(|(_, m)| m.of == Some(population)) {
            self.ledger.done[m].resize(alive, false);
        }
        self.columns.newborn[p] = 0;
        self.columns.set(program.alive[p], alive as f64);
    }

    /// Those for which the condition holds go, one after the other; who goes first is no place for what others hold.
    fn retire(&mut self, number: usize, retire: &Retire) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        let retiring = &program.retires[number];
        let p = retire.population.0 as usize;
        let n = self.columns.alive[p];
        self.columns.exec(&retiring.when.code);
        let when = self.columns.view(retiring.when.regs[0], n);
        let goes: Vec<bool> = (0..n).map(|i| when.at(i) != 0.0).collect();
        if !goes.contains(&true) {
            return Ok(());
        }
        let mut ends: Vec<Vec<End>> = Vec::new();
        // The first who misses somebody.
        let mut missing: Option<(usize, usize, f64)> = None;
        for (route, (said, references)) in retire.routes.iter().zip(&retiring.routes) {
            self.columns.exec(&said.code);
            let parts = &model.parts[route.parts.0 as usize..route.parts.1 as usize];
            ends.push(
                parts
                    .iter()
                    .zip(references)
                    .map(|(part, reference)| {
                        let (end, lacks) = self.end(part.to, part.whose, *reference, true, &goes);
                        if let Some(lacks) = lacks
                            && missing.is_none_or(|before| lacks.0 < before.0)
                        {
                            missing = Some(lacks);
                        }
                        end
                    })
                    .collect(),
            );
        }
        let shares = self.shares(number, retire, &goes)?;
        let mut gone = vec![false; n];
        for i in (0..n).filter(|i| goes[*i]) {
            if let Some((at, stock, number)) = missing
                && at == i
            {
                return Err(FaultKind::Nobody { stock, number }.of(self.number(Some(retire.population), i)));
            }
            for (r, (route, ends)) in retire.routes.iter().zip(&ends).enumerate() {
                let amount = self.holds((route.stock, i));
                let mut rest = amount;
                for (k, end) in ends.iter().enumerate() {
                    let share = if k + 1 < ends.len() { shares[r].get(k) } else { None };
                    let gets = match share {
                        Some(amount) if route.amounts => amount[i].clamp(0.0, rest.max(0.0)),
                        Some(share) => share[i] * amount,
                        None if k + 1 < ends.len() => 0.0,
                        None => rest,
                    };
                    rest -= gets;
                    let mut to = end.at(i);
                    // Who has gone in the meantime is gone.
                    if let Some((s, whose)) = to
                        && model.stocks[s].of == Some(retire.population)
                        && gone[whose]
                    {
                        let part = &model.parts[route.parts.0 as usize + k];
                        let whose = part.whose.and_then(|w| model.whose[w as usize].otherwise);
                        let number = self.columns.col(program.numbers[p])[i];
                        let Some(otherwise) = whose else {
                            return Err(FaultKind::Nobody { stock: s, number }.of(Some(number as u32)));
                        };
                        to = otherwise.map(|s| (s, if model.stocks[s].of.is_some() { i } else { 0 }));
                    }
                    match to {
                        Some(to) => {
                            let held = self.holds(to);
                            let value = held + gets;
                            let of = self.number(model.stocks[to.0].of, to.1);
                            // A debt may be more than there is.
                            if value < 0.0 && !model.stocks[to.0].signed {
                                let (stock, outflows) = (to.0, Vec::new());
                                return Err(FaultKind::Overdraw { stock, held, inflows: gets, outflows }.of(of));
                            }
                            if !value.is_finite() {
                                return Err(FaultKind::NotFinite { what: Value::Stock(to.0), value }.of(of));
                            }
                            self.put(to, value);
                        }
                        None => {
                            if let Some(asset) = self.asset(route.stock) {
                                self.balances[asset].outflow += gets;
                            }
                        }
                    }
                }
                self.put((route.stock, i), 0.0);
            }
            gone[i] = true;
            self.lives[p].retired += 1;
            let number = self.columns.col(program.numbers[p])[i] as usize;
            if let Some(life) = self.rolls.get_mut(p).and_then(|r| r.lives.get_mut(number)) {
                life.1 = Some(self.step);
            }
        }
        self.leave(retire.population, &gone);
        Ok(())
    }

    /// Which share of each route's stock goes where, by route and part: each is one, and together they are the whole, or no more
    /// where the last takes the rest.
    fn shares(&self, number: usize, retire: &Retire, goes: &[bool]) -> Checked<Vec<Vec<Vec<f64>>>> {
        let n = goes.len();
        let routes = &self.program.retires[number].routes;
        let mut out: Vec<Vec<Vec<f64>>> = routes.iter().map(|(said, _)| vec![vec![0.0; n]; said.regs.len()]).collect();
        for i in (0..n).filter(|i| goes[*i]) {
            for (r, (route, (said, _))) in retire.routes.iter().zip(routes).enumerate() {
                if said.regs.is_empty() {
                    continue;
                }
                let fault = |part: Option<usize>, value: f64| {
                    let kind = FaultKind::Route { retire: number, stock: route.stock, part, value };
                    kind.of(self.number(Some(retire.population), i))
                };
                let said: Vec<f64> = said.regs.iter().map(|reg| self.columns.view(*reg, n).at(i)).collect();
                // What amounts are of what there is.
                let whole = if route.amounts { self.holds((route.stock, i)) } else { 1.0 };
                let all: Vec<f64> = said.iter().map(|v| if *v == 0.0 { 0.0 } else { v / whole }).collect();
                for (part, value) in all.iter().enumerate() {
                    if value.is_nan() || !(-WHOLE..=1.0 + WHOLE).contains(value) {
                        return Err(fault(Some(part), *value));
                    }
                }
                let mut sum = 0.0;
                for (part, value) in all.iter().enumerate() {
                    let share = value.clamp(0.0, 1.0);
                    out[r][part][i] = if route.amounts { said[part] } else { share };
                    sum += share;
                }
                let nothing = route.amounts && whole == 0.0;
                let rest = all.len() < (route.parts.1 - route.parts.0) as usize;
                if if rest || nothing { sum > 1.0 + WHOLE } else { (sum - 1.0).abs() > WHOLE } {
                    return Err(fault(None, sum));
                }
            }
        }
        Ok(out)
    }

    /// Who is gone leaves all columns.
    fn leave(&mut self, population: PopId, gone: &[bool]) {
        let (program, model) = (self.program, self.model);
        let p = population.0 as usize;
        fn keep<T>(column: &mut Vec<T>, gone: &[bool]) {
            let mut gone = gone.iter();
            column.retain(|_| !gone.next().copied().unwrap_or(false));
        }
        let fixed = program.alive.first().copied().unwrap_or(0);
        for reg in 0..fixed {
            if program.spaces[reg as usize] == Space::Living(population.0) {
                keep(&mut self.columns.cols[reg as usize], gone);
            }
        }
        for (s, _) in model.stocks.iter().enumerate().filter(|(_, s)| s.of == Some(population)) {
            keep(&mut self.ledger.peaks[s], gone);
        }
        for (m, _) in model.moves.iter().enumerate().filter(|(_, m)| m.of == Some(population)) {
            keep(&mut self.ledger.done[m], gone);
        }
        self.columns.alive[p] = gone.iter().filter(|gone| !**gone).count();
        let alive = self.columns.alive[p] as f64;
        self.columns.set(program.alive[p], alive);
    }

    fn asset(&self, stock: usize) -> Option<usize> {
        self.model.assets.iter().position(|a| a.stocks.contains(&stock))
    }

    /// A stock holds so much now.
    fn put(&mut self, (stock, whose): (usize, usize), value: f64) {
        self.columns.cols[self.model.stocks[stock].cell.0 as usize][whose] = value;
        let peak = &mut self.ledger.peaks[stock][whose];
        *peak = if value.abs() > *peak { value.abs() } else { *peak };
    }
}
