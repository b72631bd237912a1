//! Workloads at work: asks clients for what generators say, when they say so.
use crate::sim::error::Error;
use crate::sim::history::Op;
use crate::sim::operation::{Access, Request, Verb};
use crate::sim::protocol::{NodeId, Protocol};
use crate::sim::workload::{Arrival, Generator, Workload};

use super::{Event, World};

impl<P: Protocol> World<P> {
    /// Puts a load on clients; returns its number, which its operations carry in the history.
    ///
    /// # Errors
    /// [`Error::UnknownNode`]; [`Error::Parameter`], also when a client cannot carry out such requests.
    pub fn load(&mut self, mut workload: Workload) -> Result<u32, Error> {
        workload.clients.iter().try_for_each(|&client| self.known(client))?;
        workload.from = workload.from.max(self.core.now);
        let number = self.core.loads.len() as u32;
        let mut generator = Generator::new(workload, self.seed, number)?;
        let mut probe = generator.clone().next_request();
        for &client in &generator.workload().clients {
            let node = &self.nodes[client.index()];
            sign(&mut probe, node.name());
            if node.state().unwrap_or(node.spawned()).compose(&probe).is_none() {
                return Err(Error::parameter(
                    "clients",
                    node.name(),
                    "nodes that can carry out a workload's requests",
                ));
            }
        }
        for Arrival { at, client } in generator.start() {
            self.core.queue.push(at, Event::Next { load: number, client });
        }
        self.core.loads.push(generator);
        Ok(number)
    }

    /// A workload asks the next thing.
    pub(super) fn next_request(&mut self, load: u32, client: NodeId) -> Result<(), Error> {
        let now = self.core.now;
        let generator = &mut self.core.loads[load as usize];
        let mut request = generator.next_request();
        if let Some(Arrival { at, client }) = generator.after_arrival(now) {
            self.core.queue.push(at, Event::Next { load, client });
        }
        let node = &self.nodes[client.index()];
        sign(&mut request, node.name());
        let call = node.state().unwrap_or(node.spawned()).compose(&request);
        let Some(call) = call else { return Ok(()) };
        let op = self.core.ask(Op { node: client, load, called_at: now, call, answer: None });
        self.called(client, op)
    }
}

/// A lock is asked for in somebody's name.
fn sign(request: &mut Request, name: &str) {
    if let Access::Only(Verb::Acquire | Verb::Release) = request.kind {
        request.value = name.into();
    }
}
