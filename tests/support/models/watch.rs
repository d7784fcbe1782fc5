//! What is asked of a model, and how it is called.

use std::fmt::Write;

use flowc::Settings;

use super::Generator;

/// The names of a policy's options.
pub(super) const OPTIONS: [&str; 3] = ["calm", "wild", "odd"];

impl Generator {
    pub(super) fn watch(&mut self) {
        let (amount, flow) = (self.amount(), self.moves[0].clone());
        self.say(format!("let after: TKN = clamp({amount}, -5000 TKN, 5000 TKN) + total({flow})"));
        self.say(format!("let pace = total({flow}) / (1 month)"));
        self.say("let covered = total(pace)".into());
        for flow in self.array_flows.clone() {
            let label = self.label();
            self.say(format!("let all_{flow} = sum({flow})"));
            self.say(format!("let done_{flow} = total({flow}[{label}])"));
            self.say(format!("metric m_{flow}[k in K] = total({flow}[k])"));
            self.say(format!("metric n_{flow} = max(final({flow}))"));
        }
        for trade in self.trades.clone() {
            self.say(format!("metric m_{trade} = mean_over({trade})"));
            self.say(format!("metric n_{trade} = total({trade}.2)"));
            self.say(format!("let so_far_{trade} = total({trade}.1)"));
            if self.kind.jumps {
                self.say(format!("metric o_{trade} = first_time({trade} < 1)"));
            }
        }
        for trade in self.array_trades.clone() {
            self.say(format!("let all_{trade} = sum({trade}.2)"));
            self.say(format!("metric m_{trade} = total({trade}.1)"));
            self.say(format!("metric n_{trade} = min(mean_over({trade}))"));
        }
        if self.random.chance(40) && !self.uncounted {
            let names = self.crossing.join(", ");
            let except = if names.is_empty() { String::new() } else { format!(" except {names}") };
            self.say(format!("conserve TKN{except}"));
        }
        let reducers = ["final", "initial", "mean_over", "min_over", "max_over", "sd_over", "time_of_max"];
        for (i, f) in reducers.iter().enumerate() {
            // What moves in a step is not known in row 0 before it; metrics look back at it.
            let amount = self.amount();
            let window = if self.random.chance(20) { " from 1 month to 3 month" } else { "" };
            self.say(format!("metric m{i} = {f}({amount}){window}"));
        }
        let stock = self.random.pick(&self.stocks).clone();
        self.say(format!("metric t = total({flow})"));
        self.say(format!("metric u = at({stock}, 2 month)"));
        self.say("metric v = last_time(s0 > s1)".into());
        self.say("metric w = final(ending)".into());
        let sum = self.members();
        self.say(format!("metric sums[k in K] = final(h[k]) + mean_over({sum})"));
        self.say("metric whole = initial(g)".into());
        self.say("metric first = argmax(final(h))".into());
        self.say("assert all(h[k] >= -1 TKN for k in Few where weight[k] > -1)".into());
        if self.random.chance(30) {
            self.say(format!("assert requested({flow}) == requested({flow})"));
        }
        if self.kind.failures && self.random.chance(5) {
            let amount = self.amount();
            self.say(format!("assert {amount} > 5 TKN"));
        }
        self.goals();
        self.scenarios();
    }

    fn goals(&mut self) {
        if self.random.chance(50) {
            let least = self.random.below(500);
            self.say(format!("goal m0 >= {least} TKN"));
            self.say("goal wide: m1 < 3 * m2 + 1 TKN in 90% of runs".into());
            self.say("goal maximize m3".into());
            self.say("goal minimize final(s0) + w".into());
            self.say("goal m4 >= 80% of baseline".into());
            self.tag("goal");
        }
    }

    /// `storm` sets some of what can be set.
    fn scenarios(&mut self) {
        if self.random.chance(50) {
            return;
        }
        let mut settings = vec![("p0".to_string(), self.number())];
        if self.random.chance(50) {
            settings.push(("s0".into(), format!("{} TKN", 50 + self.random.below(700))));
        }
        if self.random.chance(30) {
            settings.push(("h[green]".into(), self.random.below(500).to_string()));
        }
        for policy in self.policies.clone() {
            if self.random.chance(60) {
                settings.push((policy.name, OPTIONS[self.random.below(policy.values.len())].into()));
            }
        }
        let mut text = "scenario storm {".to_string();
        for (name, value) in &settings {
            let _ = write!(text, "\n  {name} = {value}");
        }
        self.say(text + "\n}");
        self.storm = settings;
        self.tag("scenario");
    }

    /// How the model is called.
    pub(super) fn settings(&mut self) -> Settings {
        let mut settings = Settings { substeps: self.random.chance(50), ..Settings::default() };
        if settings.substeps && self.phases > 1 {
            self.tag("--substeps");
        }
        if self.tags.contains("scenario") && self.random.chance(50) {
            settings.scenario = Some("storm".into());
            self.tag("--scenario");
        }
        for policy in self.policies.clone() {
            if self.random.chance(30) {
                let option = 1 + self.random.below(policy.values.len() - 1);
                settings.values.push((policy.name, OPTIONS[option].into()));
                self.tag("--set of a policy");
            }
        }
        if self.random.chance(20) {
            let (at, value) = (self.random.below(self.params), self.number());
            settings.values.push((format!("p{at}"), value));
        }
        if self.random.chance(10) {
            let value = self.random.below(400);
            settings.values.push(("s1".into(), format!("{value} TKN")));
            settings.values.push(("h[blue]".into(), value.to_string()));
        }
        settings
    }
}
