//! The two outcomes of an assessment, as types (after the idea of barter-rs): what risk has not approved cannot be sent,
//! because nothing else can make the value that the sender asks for.

use serde::Serialize;
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Money, Ts};

use crate::refusal::{Refusal, RefusalCode};

/// Something that risk approved, with the terms it approved. Its fields are private, it cannot be cloned, and it can be
/// written but not read back: after a restart the only way to an approval is a new assessment.
///
/// ```compile_fail
/// use tensortrade_risk::RiskApproved;
/// fn forge(value: u32) -> RiskApproved<u32> {
///     RiskApproved { value }
/// }
/// ```
#[derive(Debug, PartialEq, Serialize)]
#[must_use = "an approval reserves exposure until it is released"]
pub struct RiskApproved<T> {
    value: T,
    reservation_id: ClientOrderId,
    terms: OrderTerms,
    approved_at: Ts,
    expires_at: Ts,
    reserved: Money,
    reducing: bool,
}

/// What the engine fills in.
pub(crate) struct Approval {
    pub(crate) reservation_id: ClientOrderId,
    pub(crate) terms: OrderTerms,
    pub(crate) approved_at: Ts,
    pub(crate) expires_at: Ts,
    pub(crate) reserved: Money,
    pub(crate) reducing: bool,
}

impl<T> RiskApproved<T> {
    pub(crate) fn new(value: T, approval: Approval) -> Self {
        let Approval { reservation_id, terms, approved_at, expires_at, reserved, reducing } = approval;
        Self { value, reservation_id, terms, approved_at, expires_at, reserved, reducing }
    }

    /// What was approved.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What was approved, giving up the approval.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The terms it was approved for.
    pub fn terms(&self) -> &OrderTerms {
        &self.terms
    }

    /// The client order id under which exposure is reserved.
    pub fn reservation_id(&self) -> &ClientOrderId {
        &self.reservation_id
    }

    /// Market time of the assessment.
    pub fn approved_at(&self) -> Ts {
        self.approved_at
    }

    /// First moment at which it no longer holds, market time.
    pub fn expires_at(&self) -> Ts {
        self.expires_at
    }

    /// Exposure reserved for it at its worst price, in base currency.
    pub fn reserved(&self) -> Money {
        self.reserved
    }

    /// Whether it was approved as an order that only brings a position toward zero.
    pub fn is_reducing(&self) -> bool {
        self.reducing
    }

    /// Whether an order with exactly these terms may be sent at `now`: the terms are equal field by field, and
    /// `approved_at <= now < expires_at`.
    pub fn is_valid_for(&self, terms: &OrderTerms, now: Ts) -> bool {
        self.terms == *terms && self.approved_at <= now && now < self.expires_at
    }
}

/// Something that risk refused, and why. Nothing is reserved for it.
#[derive(Debug, PartialEq, Serialize)]
pub struct RiskRefused<T>(Box<(T, Refusal)>);

impl<T> RiskRefused<T> {
    pub(crate) fn new(value: T, refusal: Refusal) -> Self {
        Self(Box::new((value, refusal)))
    }

    /// What was refused.
    pub fn value(&self) -> &T {
        &self.0.0
    }

    /// Why.
    pub fn refusal(&self) -> &Refusal {
        &self.0.1
    }

    /// The code of the reason.
    pub fn code(&self) -> RefusalCode {
        self.0.1.code
    }

    /// What was refused and why, by value.
    pub fn into_parts(self) -> (T, Refusal) {
        *self.0
    }
}
