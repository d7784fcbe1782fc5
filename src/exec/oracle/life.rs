//! How members come and go: behind all that a step does, first those that retire, then those that are born.

use super::scope::Member;
use super::settle::WHOLE;
use super::{Balance, Checked, Held, Moved, Oracle};
use crate::builtins::philox::{Place, Stream, key, uniform};
use crate::exec::{Drawn, FaultKind, Outcome, Value};
use crate::ir::{Birth, Born, Funded, MoveId, PopId, Route, Spawning, rounding};

/// A whole one may lack so little.
const ALMOST: f64 = 1e-9;

/// What a newborn is born with.
struct Newborn {
    number: u32,
    member: Member,
    /// What is taken for it: its stock, from where, and how much.
    takes: Vec<(Funded, Option<Held>, f64)>,
}

impl Oracle<'_> {
    /// Those that live from the start.
    pub(super) fn first_members(&mut self, out: &mut Outcome) -> Checked<()> {
        let model = self.model;
        self.balances = vec![Balance::default(); model.assets.len()];
        for (i, spawn) in model.spawns.iter().enumerate() {
            if let Spawning::Initially(count) = spawn.how {
                let count = self.eval(count);
                let (_, short) = self.births(i, count, libm::floor(count + ALMOST), out)?;
                if let Some((stock, needs, holds)) = short {
                    return Err(FaultKind::Unfunded { spawn: i, stock, needs, holds }.into());
                }
            }
        }
        Ok(())
    }

    /// Those that retire, and those that are born.
    pub(super) fn life(&mut self, out: &mut Outcome) -> Checked<()> {
        let model = self.model;
        for i in 0..model.retires.len() {
            self.retire(i, out)?;
        }
        for (i, spawn) in model.spawns.iter().enumerate() {
            match spawn.how {
                Spawning::Initially(_) => {}
                Spawning::Rate(e) | Spawning::Each(e) => {
                    let rate = self.eval(e);
                    let per_time = matches!(spawn.how, Spawning::Rate(_));
                    self.spawned[i] += if per_time { rate * model.clock.dt } else { rate };
                    let (born, _) = self.births(i, rate, libm::floor(self.spawned[i] + ALMOST), out)?;
                    self.spawned[i] -= born as f64;
                }
                Spawning::UpTo(e) => {
                    let target = self.eval(e);
                    let alive = self.members[spawn.population.0 as usize].len() as f64;
                    self.births(i, target, libm::floor(target + ALMOST) - alive, out)?;
                }
            }
        }
        for (i, asset) in model.assets.iter().enumerate() {
            let size = self.held(asset, f64::abs) + self.balances[i].inflow + self.balances[i].outflow;
            let scale = &mut self.balances[i].scale;
            *scale = if size > *scale { size } else { *scale };
        }
        Ok(())
    }

    /// Gives birth to so many, and says how many there were, and what the next one lacked.
    fn births(&mut self, spawn: usize, said: f64, due: f64, out: &mut Outcome) -> Checked<(u64, Lack)> {
        let population = self.model.spawns[spawn].population;
        if !(said >= 0.0 && said.is_finite()) {
            return Err(FaultKind::Births { spawn, value: said }.into());
        }
        let (limit, alive) = (self.limits[population.0 as usize], self.members[population.0 as usize].len() as f64);
        // One too many is enough to know.
        let room = libm::floor(limit) - alive + 1.0;
        let due = if due < room { due } else { room };
        let first = out.lives[population.0 as usize].born as u32;
        let mut newborns = Vec::new();
        for n in 0..if due > 0.0 { due as u32 } else { 0 } {
            newborns.push(self.newborn(population, first + n)?);
        }
        let mut born = 0;
        for newborn in newborns {
            if let Some(lack) = self.lacks(&newborn) {
                return Ok((born, Some(lack)));
            }
            if self.members[population.0 as usize].len() as f64 + 1.0 > limit {
                return Err(FaultKind::Crowded { population, limit }.into());
            }
            self.be_born(population, newborn);
            out.lives[population.0 as usize].born += 1;
            if let Some(roll) = out.rolls.get_mut(population.0 as usize) {
                roll.lives.push((self.step, None));
            }
            born += 1;
        }
        Ok((born, None))
    }

    /// What a newborn opens with, worked out before any of them is there.
    fn newborn(&mut self, population: PopId, number: u32) -> Checked<Newborn> {
        let model = self.model;
        let mut takes = Vec::new();
        let member = Member { first_row: self.step, ..Member::default() };
        self.newborn = Some((population, number, member));
        for (i, birth) in model.populations[population.0 as usize].births.iter().enumerate() {
            let value = self.opens_with(population, number, i, birth)?;
            let stock = model.stocks.iter().position(|s| s.cell == birth.cell);
            let holding = (birth.cell.0 as usize) < model.holdings;
            if holding && !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Birth(population, i), value }.of(Some(number)));
            }
            if let Some(stock) = stock.filter(|s| value < 0.0 && !model.stocks[*s].signed) {
                return Err(FaultKind::OpensBelowZero { stock, value }.of(Some(number)));
            }
            if let Some((.., member)) = &mut self.newborn {
                member.cells.insert(birth.cell, value);
            }
            if let Some(funded) = birth.from {
                let from = self.end(funded.from, funded.whose, Some(population), Some(number))?;
                takes.push((funded, from, value));
            }
        }
        let member = self.newborn.take().map(|(.., member)| member).unwrap_or_default();
        Ok(Newborn { number, member, takes })
    }

    fn opens_with(&self, population: PopId, number: u32, i: usize, birth: &Birth) -> Checked<f64> {
        let model = self.model;
        let eval = |e| self.eval_for(e, Some(population), Some(number));
        let place = Place { run: self.case.run, step: 0, member: number };
        match &birth.value {
            Born::Formula(e) => Ok(eval(*e)),
            Born::Drawn { hash, how, args } => {
                let args: Vec<f64> = args.iter().map(|e| eval(*e)).collect();
                let mut value = f64::NAN;
                if how.wrong(&args).is_none() {
                    let mut luck = Stream::new(key(self.case.seed, *hash), place);
                    value = how.sample(&model.samples, &args, &mut luck);
                }
                if value.is_finite() {
                    return Ok(value);
                }
                Err(FaultKind::Draw { what: Drawn::Birth(population, i), args, value }.of(Some(number)))
            }
            Born::Pick { hash, population: among, who, condition, weight } => {
                let me = model.populations[population.0 as usize].me;
                let mut candidates = Vec::new();
                let mut total = 0.0;
                for candidate in self.members[among.0 as usize].keys() {
                    let scope = [(me, population, number), (*who, *among, *candidate)];
                    if condition.is_none_or(|c| self.eval_in(c, &scope) != 0.0) {
                        let weight = weight.map_or(1.0, |w| self.eval_in(w, &scope));
                        total += if weight >= 0.0 { weight } else { f64::NAN };
                        candidates.push((*candidate, weight));
                    }
                }
                if !(total > 0.0 && total.is_finite()) {
                    let (birth, candidates) = (i, candidates.len());
                    return Err(FaultKind::Pick { population, birth, candidates, weight: total }.of(Some(number)));
                }
                let at = uniform(key(self.case.seed, *hash), place) * total;
                let mut sum = 0.0;
                let mut picked = f64::NAN;
                for (candidate, weight) in candidates.into_iter().filter(|(_, weight)| *weight > 0.0) {
                    sum += weight;
                    picked = f64::from(candidate);
                    if at < sum {
                        break;
                    }
                }
                Ok(picked)
            }
        }
    }

    /// What a newborn would take more than there is: of which stock, how much of it, and what that holds.
    fn lacks(&self, newborn: &Newborn) -> Lack {
        let mut left: Vec<(Held, f64)> = Vec::new();
        for (_, from, amount) in &newborn.takes {
            let Some(from) = *from else { continue };
            let stock = &self.model.stocks[from.stock];
            let before = left.iter().rev().find(|(held, _)| *held == from);
            let holds = before.map_or_else(|| self.cell(stock.cell, from.member), |(_, holds)| *holds);
            match self.takes(from, holds, *amount) {
                Some(rest) => left.push((from, rest)),
                None => return Some((from.stock, *amount, holds)),
            }
        }
        None
    }

    /// What a stock holds when so much has been taken for a newborn: what it lacks by rounding, it has.
    fn takes(&self, from: Held, holds: f64, amount: f64) -> Option<f64> {
        let rest = holds - amount;
        if rest >= 0.0 || self.model.stocks[from.stock].signed {
            return Some(rest);
        }
        let peak = self.peaks.get(&from).copied().unwrap_or(0.0);
        (-rest <= rounding(self.step) * peak).then_some(0.0)
    }

    fn be_born(&mut self, population: PopId, newborn: Newborn) {
        let Newborn { number, member, takes } = newborn;
        self.members[population.0 as usize].insert(number, member);
        // Who is just born has moved nothing.
        for (i, _) in self.model.moves.iter().enumerate().filter(|(_, m)| m.of == Some(population)) {
            let moved = Moved { id: MoveId(i as u32), member: Some(number) };
            self.now.asked.insert(moved, 0.0);
            self.now.taken.insert(moved, 0.0);
        }
        for (funded, from, amount) in takes {
            let own = Held { stock: funded.stock, member: Some(number) };
            let mut gets = amount;
            match from {
                Some(from) => {
                    let cell = self.model.stocks[from.stock].cell;
                    let holds = self.cell(cell, from.member);
                    let rest = self.takes(from, holds, amount).unwrap_or(0.0);
                    if holds - amount < 0.0 && !self.model.stocks[from.stock].signed {
                        gets = holds;
                    }
                    self.put(from, rest);
                }
                None => {
                    if let Some(i) = self.asset(funded.stock) {
                        self.balances[i].inflow += amount;
                    }
                }
            }
            self.put(own, gets);
        }
    }

    /// Those for which the condition holds go, one after the other; who goes first is no place for what others hold.
    fn retire(&mut self, number: usize, out: &mut Outcome) -> Checked<()> {
        let retire = &self.model.retires[number];
        let of = Some(retire.population);
        let goes = |member: &Option<u32>| self.eval_for(retire.when, of, *member) != 0.0;
        let members: Vec<Option<u32>> = self.all_of(of).into_iter().filter(goes).collect();
        // What the routes say is worked out for all before the first goes.
        let mut all = Vec::new();
        for member in &members {
            let shares = |route| self.shares_of(number, route, *member).map_err(|kind| kind.of(*member));
            all.push(retire.routes.iter().map(shares).collect::<Checked<Vec<Vec<f64>>>>()?);
        }
        for (member, said) in members.into_iter().zip(all) {
            for (route, said) in retire.routes.iter().zip(said) {
                self.route(route, of, member, &said)?;
            }
            if let Some(number) = member {
                self.members[retire.population.0 as usize].remove(&number);
                out.lives[retire.population.0 as usize].retired += 1;
                let roll = out.rolls.get_mut(retire.population.0 as usize);
                if let Some(life) = roll.and_then(|r| r.lives.get_mut(number as usize)) {
                    life.1 = Some(self.step);
                }
            }
        }
        Ok(())
    }

    /// Which share of a stock goes where: each is one, and together they are the whole, or no more where the last takes the
    /// rest.
    fn shares_of(&self, retire: usize, route: &Route, member: Option<u32>) -> Result<Vec<f64>, FaultKind> {
        let (of, stock) = (Some(self.model.retires[retire].population), route.stock);
        let parts = &self.model.parts[route.parts.0 as usize..route.parts.1 as usize];
        let said: Vec<f64> = parts.iter().filter_map(|p| p.share).map(|e| self.eval_for(e, of, member)).collect();
        if said.is_empty() {
            return Ok(said);
        }
        // What amounts are of what there is.
        let whole = if route.amounts { self.cell(self.model.stocks[stock].cell, member) } else { 1.0 };
        let share = |amount: &f64| if *amount == 0.0 { 0.0 } else { amount / whole };
        let amounts = said;
        let said: Vec<f64> = amounts.iter().map(share).collect();
        for (part, &value) in said.iter().enumerate() {
            if value.is_nan() || !(-WHOLE..=1.0 + WHOLE).contains(&value) {
                return Err(FaultKind::Route { retire, stock, part: Some(part), value });
            }
        }
        let shares: Vec<f64> = said.into_iter().map(|s| s.clamp(0.0, 1.0)).collect();
        let value = shares.iter().fold(0.0, |sum, s| sum + s);
        let rest = shares.len() < parts.len();
        let nothing = route.amounts && whole == 0.0;
        if if rest || nothing { value > 1.0 + WHOLE } else { (value - 1.0).abs() > WHOLE } {
            return Err(FaultKind::Route { retire, stock, part: None, value });
        }
        Ok(if route.amounts { amounts } else { shares })
    }

    /// A stock of a retiring member goes where it is to go. The last part has what the others leave.
    fn route(&mut self, route: &Route, of: Option<PopId>, member: Option<u32>, said: &[f64]) -> Checked<()> {
        let model = self.model;
        let own = Held { stock: route.stock, member };
        let amount = self.cell(model.stocks[route.stock].cell, member);
        let parts = &model.parts[route.parts.0 as usize..route.parts.1 as usize];
        let mut rest = amount;
        for (i, part) in parts.iter().enumerate() {
            let to = self.end(part.to, part.whose, of, member)?;
            let said = said.get(i).copied().unwrap_or(0.0);
            let gets = match route.amounts {
                _ if i + 1 == parts.len() => rest,
                true => said.clamp(0.0, rest.max(0.0)),
                false => said * amount,
            };
            rest -= gets;
            match to {
                Some(to) => {
                    let held = self.cell(model.stocks[to.stock].cell, to.member);
                    let value = held + gets;
                    // A debt may be more than there is.
                    if value < 0.0 && !model.stocks[to.stock].signed {
                        let fault = FaultKind::Overdraw { stock: to.stock, held, inflows: gets, outflows: Vec::new() };
                        return Err(fault.of(to.member));
                    }
                    if !value.is_finite() {
                        return Err(FaultKind::NotFinite { what: Value::Stock(to.stock), value }.of(to.member));
                    }
                    self.put(to, value);
                }
                None => {
                    if let Some(i) = self.asset(route.stock) {
                        self.balances[i].outflow += gets;
                    }
                }
            }
        }
        self.put(own, 0.0);
        Ok(())
    }

    fn asset(&self, stock: usize) -> Option<usize> {
        self.model.assets.iter().position(|a| a.stocks.contains(&stock))
    }

    /// A stock holds so much now.
    fn put(&mut self, held: Held, value: f64) {
        self.set(self.model.stocks[held.stock].cell, held.member, value);
        let peak = self.peaks.entry(held).or_insert(0.0);
        *peak = if value.abs() > *peak { value.abs() } else { *peak };
    }
}

/// The stock that lacks something, how much is asked of it, and what it holds.
type Lack = Option<(usize, f64, f64)>;
