//! Every protocol, one folder each, and [`AnyNode`]: their union, so that one world can mix them.
//!
//! A new protocol is one folder and one line of the registry at the end of this file; nothing else in the
//! crate names it. Its folder exports `Node`; everything else is found through [`Protocol`].
use serde::{Deserialize, Serialize};

use crate::sim::{
    Believed, Broken, Cx, Monitor, NodeId, NodeView, OpId, Operation, Outcome, Part, Protocol, Reading,
    Request, Status, Step, Storage, View,
};

/// One of the union's enums: a variant for each protocol, after those of the union's own.
macro_rules! union {
    ($(#[$meta:meta])* $Name:ident { $($(#[$own:meta])* $Own:ident,)* } $($Variant:ident($inner:ty)),*) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        // A variant is what its protocol says it is, and as large.
        #[allow(missing_docs, clippy::large_enum_variant)]
        pub enum $Name { $($(#[$own])* $Own,)* $($Variant($inner)),* }
    };
}

/// Declares the protocol modules and their union. The union is itself a protocol: each arm only lifts, so a
/// mixed world is the same engine with one more `match`.
macro_rules! protocols {
    ($($(#[doc = $doc:literal])* $module:ident => $Variant:ident),* $(,)?) => {
        $($(#[doc = $doc])* pub mod $module;)*

        union! { /** A node of any protocol. */ AnyNode {} $($Variant($module::Node)),* }
        union! { /** A message of any protocol. */ AnyMsg {} $($Variant(<$module::Node as Protocol>::Msg)),* }
        union! { /** A timer of any protocol. */ AnyTimer {} $($Variant(<$module::Node as Protocol>::Timer)),* }
        union! { /** A question for a node of any protocol. */ AnyCall {}
            $($Variant(<$module::Node as Protocol>::Call)),* }
        union! { /** An answer of a node of any protocol. */ AnyReply {
            /** The node is of another protocol than the question. */ Foreign,
        } $($Variant(<$module::Node as Protocol>::Reply)),* }
        union! { /** A disk of any protocol. */ #[derive(Default)] AnyDisk {
            /** Not formatted. */ #[default] Blank,
        } $($Variant(<$module::Node as Protocol>::Disk)),* }
        union! { /** A write to a disk of any protocol. */ AnyWrite {}
            $($Variant(<<$module::Node as Protocol>::Disk as Storage>::Write)),* }

        impl Storage for AnyDisk {
            type Write = AnyWrite;
            fn apply(&mut self, write: AnyWrite) -> AnyWrite {
                match write { $(AnyWrite::$Variant(write) => AnyWrite::$Variant(disk::$module(self).apply(write)),)* }
            }
            fn corrupt(&mut self) -> Vec<AnyWrite> {
                match self {
                    Self::Blank => Vec::new(),
                    $(Self::$Variant(disk) => disk.corrupt().into_iter().map(AnyWrite::$Variant).collect(),)*
                }
            }
            fn torn(write: &AnyWrite, below: &mut dyn FnMut(u32) -> u32) -> Option<AnyWrite> {
                match write { $(AnyWrite::$Variant(write) =>
                    <$module::Node as Protocol>::Disk::torn(write, below).map(AnyWrite::$Variant),)* }
            }
        }

        mod disk {
            use super::*;
            $(pub(super) fn $module(disk: &mut AnyDisk) -> &mut <$module::Node as Protocol>::Disk {
                if matches!(disk, AnyDisk::Blank) {
                    *disk = AnyDisk::$Variant(Default::default());
                }
                match disk {
                    AnyDisk::$Variant(disk) => disk,
                    #[allow(unreachable_patterns)] // while there is one protocol
                    _ => unreachable!("a node's disk is its own"),
                }
            })*
        }

        mod part {
            use super::*;
            $(#[allow(non_upper_case_globals)] // one for each protocol, by the name of its folder
            pub(super) const $module: Part<AnyNode, $module::Node> = Part {
                msg: AnyMsg::$Variant,
                timer: AnyTimer::$Variant,
                reply: AnyReply::$Variant,
                disk: disk::$module,
                write: AnyWrite::$Variant,
            };)*
        }

        impl Protocol for AnyNode {
            type Msg = AnyMsg;
            type Timer = AnyTimer;
            type Call = AnyCall;
            type Reply = AnyReply;
            type Disk = AnyDisk;
            type Monitor = AnyMonitor;

            fn format(&self) -> AnyDisk {
                match self { $(Self::$Variant(node) => AnyDisk::$Variant(node.format()),)* }
            }
            fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
                match self { $(Self::$Variant(node) => cx.lift(&part::$module, |cx| node.on_start(cx)),)* }
            }
            fn on_message(&mut self, cx: &mut Cx<'_, Self>, from: NodeId, msg: AnyMsg) {
                match (self, msg) {
                    $((Self::$Variant(node), AnyMsg::$Variant(msg)) =>
                        cx.lift(&part::$module, |cx| node.on_message(cx, from, msg)),)*
                    _ => cx.note("foreign message", 0),
                }
            }
            fn on_timer(&mut self, cx: &mut Cx<'_, Self>, timer: AnyTimer) {
                match (self, timer) {
                    $((Self::$Variant(node), AnyTimer::$Variant(timer)) =>
                        cx.lift(&part::$module, |cx| node.on_timer(cx, timer)),)*
                    _ => cx.note("foreign timer", 0),
                }
            }
            fn on_call(&mut self, cx: &mut Cx<'_, Self>, op: OpId, call: AnyCall) {
                match (self, call) {
                    $((Self::$Variant(node), AnyCall::$Variant(call)) =>
                        cx.lift(&part::$module, |cx| node.on_call(cx, op, call)),)*
                    _ => cx.reply(op, AnyReply::Foreign),
                }
            }
            fn edited(&mut self, disk: &AnyDisk) {
                match (self, disk) {
                    $((Self::$Variant(node), AnyDisk::$Variant(disk)) => node.edited(disk),)*
                    _ => {}
                }
            }
            fn status(&self, disk: &AnyDisk) -> Status {
                match (self, disk) {
                    $((Self::$Variant(node), AnyDisk::$Variant(disk)) => node.status(disk),)*
                    _ => Status::new(),
                }
            }
            fn calls_out(&self) -> bool {
                match self { $(Self::$Variant(node) => node.calls_out(),)* }
            }
            fn time(&self, reading: Reading) -> Believed {
                match self { $(Self::$Variant(node) => node.time(reading),)* }
            }
            fn compose(&self, request: &Request) -> Option<AnyCall> {
                match self { $(Self::$Variant(node) => node.compose(request).map(AnyCall::$Variant),)* }
            }
            fn describe(call: &AnyCall, reply: Option<&AnyReply>) -> Operation {
                match call { $(AnyCall::$Variant(call) => {
                    let reply = reply.and_then(|reply| match reply {
                        AnyReply::$Variant(reply) => Some(reply),
                        _ => None,
                    });
                    $module::Node::describe(call, reply)
                })* }
            }
            fn outcome(reply: &AnyReply) -> Outcome {
                match reply {
                    AnyReply::Foreign => Outcome::Fail,
                    $(AnyReply::$Variant(reply) => $module::Node::outcome(reply),)*
                }
            }
        }

        /// The invariants of all protocols, each looking at its own nodes.
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs)] // a field is what its protocol says it is
        pub struct AnyMonitor { $(pub $module: <$module::Node as Protocol>::Monitor),* }

        const INVARIANTS: &[&[&str]] =
            &[$(<<$module::Node as Protocol>::Monitor as Monitor<$module::Node>>::INVARIANTS),*];

        const DISTINCT: ([&str; total(INVARIANTS)], usize) = distinct(INVARIANTS);

        impl Monitor<AnyNode> for AnyMonitor {
            const INVARIANTS: &'static [&'static str] = DISTINCT.0.split_at(DISTINCT.1).0;

            fn check(&mut self, view: &View<'_, AnyNode>, step: &Step<'_, AnyNode>, report: &mut Vec<Broken>) {
                // Only the node of the step has changed, so only its protocol has anything to check.
                match (view.get)(step.node).map(|node| node.disk) {
                    None | Some(AnyDisk::Blank) => {}
                    $(Some(AnyDisk::$Variant(_)) => {
                        let get = |id| {
                            let NodeView { state, disk, incarnation, reading } = (view.get)(id)?;
                            let AnyDisk::$Variant(disk) = disk else { return None };
                            let state = state.and_then(|node| match node {
                                AnyNode::$Variant(node) => Some(node),
                                #[allow(unreachable_patterns)] // while there is one protocol
                                _ => None,
                            });
                            Some(NodeView { state, disk, incarnation, reading })
                        };
                        let writes = |visit: &mut dyn FnMut(&_)| {
                            (step.writes)(&mut |write| {
                                #[allow(irrefutable_let_patterns)] // while there is one protocol
                                if let AnyWrite::$Variant(write) = write { visit(write) }
                            });
                        };
                        let step = Step { node: step.node, kind: step.kind, writes: &writes };
                        let view = View { len: view.len, now: view.now, get: &get };
                        self.$module.check(&view, &step, report);
                    })*
                }
            }
        }
    };
}

/// How many names there are in all.
const fn total(lists: &[&[&str]]) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < lists.len() {
        sum += lists[i].len();
        i += 1;
    }
    sum
}

/// All names in one list, and how many there are: protocols that promise the same share a name.
const fn distinct<const N: usize>(lists: &[&[&'static str]]) -> ([&'static str; N], usize) {
    let mut all = [""; N];
    let (mut filled, mut list) = (0, 0);
    while list < lists.len() {
        let mut i = 0;
        while i < lists[list].len() {
            let mut at = 0;
            while at < filled && !same(all[at], lists[list][i]) {
                at += 1;
            }
            all[at] = lists[list][i];
            if at == filled {
                filled += 1;
            }
            i += 1;
        }
        list += 1;
    }
    (all, filled)
}

/// Whether two names are the same.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

const _: () = assert!(size_of::<AnyMsg>() <= 64, "messages are moved by value: share the rare large body");

pub mod snapshot;

// The registry, in the order of the notes. A protocol's place is part of what fingerprints are made of, so what is
// added later comes after.
protocols! {
    /// The smallest protocol there is.
    echo => Echo,
    /// Consensus by a replicated log (notes, section 2.3).
    raft => Raft,
    /// Transactions, kept apart by validation or by locks (notes, section 2.6.1).
    concurrency_control => ConcurrencyControl,
    /// Atomic commitment that blocks while the coordinator is down (notes, section 2.6.2).
    two_phase_commit => TwoPhaseCommit,
    /// Atomic commitment that does not block, if nothing but crashes goes wrong (notes, section 2.6.3).
    three_phase_commit => ThreePhaseCommit,
    /// Clocks kept right by a hierarchy of servers (notes, section 1.3.1).
    ntp => Ntp,
    /// Clocks kept right by asking one server (what the notes' section 1.3.1 improves on).
    cristian => Cristian,
    /// Clocks kept together by their average (likewise).
    berkeley => Berkeley,
    /// One at a time, in the order of logical clocks (notes, section 1.3.2).
    mutual_exclusion => MutualExclusion,
    /// A clock that knows how far it can be off (notes, section 2.13).
    truetime => Truetime,
    /// Accounts that send each other money, to take snapshots of (notes, section 2.1).
    bank => Bank,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_of_every_protocol_is_named_once() {
        let names = <AnyMonitor as Monitor<AnyNode>>::INVARIANTS;
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
        let own = <raft::Monitor as Monitor<raft::Node>>::INVARIANTS.iter();
        let all = own.chain(<two_phase_commit::Monitor as Monitor<two_phase_commit::Node>>::INVARIANTS);
        assert!(all.into_iter().all(|name| names.contains(name)));
    }
}
