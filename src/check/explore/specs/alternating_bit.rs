//! Values sent over a line that loses messages, one bit numbering them (Bartlett, Scantlebury and Wilkinson, 1969).
//!
//! The system of `MCAlternatingBit.tla` in the TLA+ examples (Specifying Systems, chapter 14). At the published
//! constants, two values and at most two messages and two acknowledgements under way: 240 distinct states, depth
//! 10. A step that would put more under way is tried, and leads nowhere.
//!
//! The published liveness needs *strong* fairness of receiving; under weak fairness the line may lose everything,
//! and exploration shows how. Without loss, weak fairness is enough.
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Spec;
use super::packed::{mix, word};
use crate::check::explore::{Model, Property};
use crate::sim::{Invalid, Value};

const KINDS: [&str; 7] = ["SndNewValue", "ReSndMsg", "RcvMsg", "SndAck", "RcvAck", "LoseMsg", "LoseAck"];
const MOST: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct AlternatingBit {
    values: u8,
    under_way: usize,
    loss: bool,
    flaw: Option<Flaw>,
    properties: Vec<Property>,
}

/// What can be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The sender takes any acknowledgement for the one it waits for.
    TrustsAnyAcknowledgement,
    /// The receiver acknowledges the bit it waits for, not the one it has got.
    AcknowledgesAhead,
}

/// A line: what is under way, the oldest first. A message is a value and, in its lowest bit, the bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Line {
    length: u8,
    items: [u8; MOST],
}

impl Line {
    fn as_slice(&self) -> &[u8] {
        &self.items[..self.length.into()]
    }
    /// With one more, if there is room.
    fn with(mut self, item: u8, most: usize) -> Option<Self> {
        let length = usize::from(self.length);
        (length < most).then(|| {
            self.items[length] = item;
            self.length += 1;
            self
        })
    }
    /// Without the one at `index`; places that are not used stay zero, so that equal lines are equal.
    fn without(mut self, index: u8) -> Self {
        self.items[index.into()..].rotate_left(1);
        self.items[MOST - 1] = 0;
        self.length -= 1;
        self
    }
}

/// Both lines; the sender's bit and the one last acknowledged; the receiver's bit; the values sent and received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    messages: Line,
    acknowledgements: Line,
    sender_bit: u8,
    acknowledged_bit: u8,
    receiver_bit: u8,
    sent: u8,
    received: u8,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The sender sends the next value.
    SendNew(u8),
    /// The sender sends the value once more.
    SendAgain,
    /// The receiver takes a message.
    Receive,
    /// The receiver acknowledges what it has.
    Acknowledge,
    /// The sender takes an acknowledgement.
    TakeAcknowledgement,
    /// The message at this place of the line is lost.
    LoseMessage(u8),
    /// The acknowledgement at this place of the line is lost.
    LoseAcknowledgement(u8),
}

impl AlternatingBit {
    /// A sender of so many different values, and lines that hold so many messages.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn new(values: u8, under_way: u8, loss: bool, flaw: Option<Flaw>) -> Result<Self, Invalid> {
        if !(1..=4).contains(&values) {
            return Err(Invalid::new("values", values, "1 to 4"));
        }
        if !(1..=MOST).contains(&usize::from(under_way)) {
            return Err(Invalid::new("under_way", under_way, "1 to 4"));
        }
        let properties = vec![
            Property::always("what is received is what was sent"),
            Property::always("only what is received is acknowledged"),
            Property::sometimes("a value is received"),
            Property::sometimes("a value is acknowledged by way of a new one"),
        ];
        Ok(Self { values, under_way: under_way.into(), loss, flaw, properties })
    }
}

impl Model for AlternatingBit {
    type State = State;
    type Action = Action;
    type Error = Infallible;

    fn initial(&self) -> Result<Vec<State>, Infallible> {
        let mut states = vec![];
        for bit in 0..2 {
            for sent in 0..self.values {
                states.extend((0..self.values).map(|received| State {
                    messages: Line::default(),
                    acknowledgements: Line::default(),
                    sender_bit: bit,
                    acknowledged_bit: bit,
                    receiver_bit: bit,
                    sent,
                    received,
                }));
            }
        }
        Ok(states)
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) -> Result<(), Infallible> {
        if state.acknowledged_bit == state.sender_bit {
            actions.extend((0..self.values).map(Action::SendNew));
        } else {
            actions.push(Action::SendAgain);
        }
        if state.messages.length > 0 {
            actions.push(Action::Receive);
        }
        actions.push(Action::Acknowledge);
        if state.acknowledgements.length > 0 {
            actions.push(Action::TakeAcknowledgement);
        }
        if self.loss {
            actions.extend((0..state.messages.length).map(Action::LoseMessage));
            actions.extend((0..state.acknowledgements.length).map(Action::LoseAcknowledgement));
        }
        Ok(())
    }

    fn next(&self, state: &State, action: &Action) -> Result<Option<State>, Infallible> {
        let mut next = *state;
        match *action {
            Action::SendNew(value) => {
                next.sent = value;
                next.sender_bit = 1 - state.sender_bit;
                return Ok(self.send(next));
            }
            Action::SendAgain => return Ok(self.send(next)),
            Action::Receive => {
                let message = state.messages.items[0];
                next.messages = state.messages.without(0);
                (next.receiver_bit, next.received) = (message & 1, message >> 1);
            }
            Action::Acknowledge => {
                let ahead = u8::from(self.flaw == Some(Flaw::AcknowledgesAhead));
                let line = state.acknowledgements.with(state.receiver_bit ^ ahead, self.under_way);
                return Ok(line.map(|acknowledgements| State { acknowledgements, ..next }));
            }
            Action::TakeAcknowledgement => {
                next.acknowledgements = state.acknowledgements.without(0);
                next.acknowledged_bit = match self.flaw {
                    Some(Flaw::TrustsAnyAcknowledgement) => state.sender_bit,
                    _ => state.acknowledgements.items[0],
                };
            }
            Action::LoseMessage(index) => next.messages = state.messages.without(index),
            Action::LoseAcknowledgement(index) => {
                next.acknowledgements = state.acknowledgements.without(index);
            }
        }
        Ok(Some(next))
    }

    fn fingerprint(&self, state: &State, lane: u64) -> u64 {
        let bits = [state.sender_bit, state.acknowledged_bit, state.receiver_bit].map(|it| (it.into(), 1));
        let values = [state.sent, state.received].map(|it| (it.into(), 2));
        let lines =
            [(state.messages, 3), (state.acknowledgements, 1)].into_iter().flat_map(|(line, width)| {
                let items = line.items.map(|it| (it.into(), width));
                items.into_iter().chain([(line.length.into(), 3)])
            });
        mix(word(lines.chain(bits).chain(values)), lane)
    }

    fn kind(&self, action: &Action) -> u32 {
        match action {
            Action::SendNew(_) => 0,
            Action::SendAgain => 1,
            Action::Receive => 2,
            Action::Acknowledge => 3,
            Action::TakeAcknowledgement => 4,
            Action::LoseMessage(_) => 5,
            Action::LoseAcknowledgement(_) => 6,
        }
    }
    fn kind_name(&self, kind: u32) -> String {
        KINDS[kind as usize].to_owned()
    }
    fn fairness(&self, _: &State, action: &Action) -> Option<u64> {
        let promised = matches!(
            action,
            Action::SendAgain | Action::Receive | Action::Acknowledge | Action::TakeAcknowledgement
        );
        promised.then(|| self.kind(action).into())
    }
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn holds(&self, property: usize, state: &State) -> Result<bool, Infallible> {
        let waits = state.acknowledged_bit != state.sender_bit;
        let arrived = state.receiver_bit == state.sender_bit;
        Ok(match property {
            0 => !(waits && arrived) || state.received == state.sent,
            1 => waits || arrived,
            2 => waits && arrived,
            _ => waits && !arrived,
        })
    }
}

impl AlternatingBit {
    fn send(&self, state: State) -> Option<State> {
        let line = state.messages.with((state.sent << 1) | state.sender_bit, self.under_way);
        line.map(|messages| State { messages, ..state })
    }
}

impl Spec for AlternatingBit {
    fn show_state(&self, state: &State) -> Vec<(&'static str, Value)> {
        let value = |it: u8| Value::from(format!("d{}", it + 1).as_str());
        let bit = |it: u8| Value::from(i64::from(it));
        let message = |it: &u8| [bit(it & 1), value(it >> 1)].into_iter().collect();
        vec![
            ("msgQ", state.messages.as_slice().iter().map(message).collect()),
            ("ackQ", state.acknowledgements.as_slice().iter().map(|it| bit(*it)).collect()),
            ("sBit", bit(state.sender_bit)),
            ("sAck", bit(state.acknowledged_bit)),
            ("rBit", bit(state.receiver_bit)),
            ("sent", value(state.sent)),
            ("rcvd", value(state.received)),
        ]
    }
    fn show_action(&self, action: &Action) -> String {
        let kind = KINDS[self.kind(action) as usize];
        match action {
            Action::SendNew(value) => format!("{kind}(d{})", value + 1),
            Action::LoseMessage(index) | Action::LoseAcknowledgement(index) => {
                format!("{kind}({})", index + 1)
            }
            _ => kind.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::{Found, explore};
    use super::super::starting::Starting;
    use super::*;

    fn new(loss: bool, flaw: Option<Flaw>) -> AlternatingBit {
        AlternatingBit::new(2, 2, loss, flaw).unwrap()
    }

    #[test]
    fn a_sender_that_trusts_any_acknowledgement_is_found() {
        let published = explore(&new(true, None));
        assert_eq!(published.found, Found::default());
        assert_eq!(published.generated + published.refused, 1_392, "TLC counts both");
        assert_eq!(explore(&new(false, None)).found, Found::default());
        for flaw in [Flaw::TrustsAnyAcknowledgement, Flaw::AcknowledgesAhead] {
            let violated = explore(&new(true, Some(flaw))).found.violated;
            assert!(violated.contains(&"only what is received is acknowledged".to_owned()), "{violated:?}");
        }
    }

    /// `SentLeadsToRcvd`: whatever state the system is in, what is sent is received some day.
    #[test]
    fn what_is_sent_arrives_unless_the_line_loses_everything() {
        let avoided = |loss| {
            let received = |state: &State| {
                let waits = state.acknowledged_bit != state.sender_bit;
                !waits || state.received == state.sent
            };
            explore(&Starting::anywhere(new(loss, None), received)).found.avoided
        };
        assert_eq!(avoided(false), [""; 0]);
        assert_eq!(avoided(true), ["comes true"]);
    }
}
