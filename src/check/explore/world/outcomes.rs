//! What comes of an input of a node: worked out once, then remembered.
use super::handler::{self, Ran, next_answers};
use super::judge::Judge;
use super::local::{Local, MOST_TIMERS, Phase, remove};
use super::tables::{Happens, Outcome};
use super::{Clocks, Failure, Worlds};
use crate::sim::{Held, Input, NodeId, Protocol, Storage};

/// The most ways in which a handler may go on.
const MOST_OUTCOMES: usize = 10_000;

/// Inverses of writes.
type Writes<P> = Vec<<<P as Protocol>::Disk as Storage>::Write>;

impl<P: Protocol, J: Judge<P>> Worlds<P, J> {
    /// The number of the list of all outcomes of what happens to a node.
    pub(super) fn outcomes(&self, local: u32, happens: Happens) -> Result<u32, Failure<J::Error>> {
        let key = (local, happens.key());
        match self.tables.steps.get(key) {
            Some(known) => Ok(known),
            None => {
                let found = self.work_out(&self.tables.node(local).local, happens)?;
                Ok(self.tables.steps.insert(key, self.tables.outcomes.push(found.into())))
            }
        }
    }

    fn work_out(&self, local: &Local<P>, happens: Happens) -> Result<Vec<Outcome<P>>, Failure<J::Error>> {
        let (mut next, node) = (local.clone(), local.node);
        let input = match happens {
            Happens::Sync => {
                let left = next.end_sync();
                return Ok(vec![self.outcome(next, left, vec![], &[])]);
            }
            Happens::Crash => {
                let undone = next.crash();
                return Ok(vec![self.outcome(next, vec![], undone, &[])]);
            }
            Happens::Start => {
                (next.phase, next.turn) = (Phase::Up, !next.turn);
                next.state = Some(self.spawned[node.index()].clone());
                Input::Start
            }
            Happens::Message(from, msg) => {
                Input::Message(from, self.tables.messages.get(msg).value.msg.clone())
            }
            Happens::Timer(at) => Input::Timer(remove(&mut next.timers, at as usize)),
            Happens::Call(at) => {
                let ask = &self.ops[at as usize];
                Input::Call(ask.id, ask.call.clone())
            }
        };
        self.run_all(&next, &input)
    }

    /// Runs a handler once for every way to answer its questions.
    fn run_all(&self, before: &Local<P>, input: &Input<P>) -> Result<Vec<Outcome<P>>, Failure<J::Error>> {
        let machine = self.machines[before.node.index()];
        let (mut outcomes, mut answers) = (Vec::new(), Some(Vec::new()));
        while let Some(given) = answers {
            let mut local = before.clone();
            let Ran { left, writes, asked, effects, clock_read } =
                handler::run(&mut local, machine, input.clone(), &given);
            self.went_well()?;
            self.check(before.node, input, &local, effects, clock_read)?;
            if outcomes.len() == MOST_OUTCOMES {
                let (node, handler) = (self.name(before.node), handler::name(input));
                return Err(Failure::Choices { node, handler, limit: MOST_OUTCOMES });
            }
            answers = next_answers(&asked);
            let choices: Vec<u32> = asked.iter().map(|(_, answer)| *answer).collect();
            outcomes.push(self.outcome(local, left, writes, &choices));
            self.went_well()?;
        }
        Ok(outcomes)
    }

    fn check(
        &self,
        node: NodeId,
        input: &Input<P>,
        local: &Local<P>,
        effects: u64,
        clock_read: bool,
    ) -> Result<(), Failure<J::Error>> {
        let most_effects = self.machines[node.index()].most_effects;
        let (node, handler) = (|| self.name(node), || handler::name(input));
        if clock_read && self.setup.clock == Clocks::Refused {
            return Err(Failure::Clock { node: node(), handler: handler() });
        }
        if effects > most_effects {
            return Err(Failure::Effects { node: node(), handler: handler(), limit: most_effects });
        }
        if local.timers.len() > MOST_TIMERS {
            return Err(Failure::Timers { node: node(), handler: handler(), limit: MOST_TIMERS });
        }
        Ok(())
    }

    fn outcome(&self, local: Local<P>, left: Vec<Held<P>>, writes: Writes<P>, choices: &[u32]) -> Outcome<P> {
        let (mut sends, mut replies) = (Vec::new(), Vec::new());
        for held in left {
            match held {
                // To a node that does not exist: it never arrives.
                Held::Send(to, _) if to.index() >= self.names.len() => {}
                Held::Send(to, msg) => sends.push((to, self.tables.message(msg))),
                Held::Reply(op, reply) => {
                    if let Some(at) = self.ops.iter().position(|it| it.id == op) {
                        replies.push((at as u32, self.tables.reply(reply)));
                    }
                }
            }
        }
        Outcome {
            local: self.tables.local(local),
            sends: sends.into(),
            replies: replies.into(),
            writes: writes.into(),
            choices: choices.into(),
        }
    }
}
