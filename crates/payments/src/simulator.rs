//! A simulated provider for development and tests. It takes the card numbers that real providers publish for
//! testing and refuses all others, so that no real card is ever used.

use domain::{Order, PaymentId};

use crate::card::CardNumber;
use crate::provider::{CaptureError, Decline, PaymentError, PaymentProvider, ProviderError};

/// The simulator. It has no state: the payment's id is made from the order's id, so an order gets the same
/// payment from every process and at every attempt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Simulator;

/// The test cards, each with the outcome of a payment. docs/order-lifecycle.md lists them.
const TEST_CARDS: [(&str, Result<(), PaymentError>); 4] = [
    ("4242424242424242", Ok(())),
    (
        "4000000000000002",
        Err(PaymentError::Declined(Decline::CardDeclined)),
    ),
    (
        "4000000000009995",
        Err(PaymentError::Declined(Decline::InsufficientFunds)),
    ),
    (
        "4000000000000119",
        Err(PaymentError::Provider(ProviderError)),
    ),
];

impl PaymentProvider for Simulator {
    async fn authorise(&self, order: &Order, card: &CardNumber) -> Result<PaymentId, PaymentError> {
        let outcome = TEST_CARDS
            .iter()
            .find(|(number, _)| *number == card.digits());
        let (_, outcome) = outcome.ok_or(PaymentError::UnknownCard)?;
        (*outcome)?;
        let payment_id = format!("simulated-{}", order.order_id());
        let payment_id = payment_id.parse().expect("a prefix and an id are short");
        tracing::info!(order_id = %order.order_id(), %payment_id, "payment authorised");
        Ok(payment_id)
    }

    async fn capture(&self, payment: &PaymentId) -> Result<(), CaptureError> {
        tracing::info!(payment_id = %payment, "payment captured");
        Ok(())
    }

    async fn give_back(&self, payment: &PaymentId) -> Result<(), ProviderError> {
        tracing::info!(payment_id = %payment, "payment given back");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Checkout, Money, OrderLine, OrderState};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn order() -> Order {
        let tea = OrderLine {
            product_id: Uuid::from_u128(1).try_into().unwrap(),
            name: "Tea".parse().unwrap(),
            quantity: 1.try_into().unwrap(),
            unit_price: Money::ZERO,
        };
        let now = Timestamp::UNIX_EPOCH;
        let checkout = Checkout {
            submitted_at: now,
            user_id: "ada".parse().unwrap(),
            order_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            lines: vec![tea].try_into().unwrap(),
        };
        Order {
            state: OrderState::WaitingPayment { pay_by: now },
            decision_id: None,
            decided_at: now,
            checkout,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn every_documented_card_does_what_is_documented_and_no_other_pays() {
        let pay = async |number: &str| {
            let card = number.parse().expect("a card's number");
            Simulator.authorise(&order(), &card).await
        };
        let paid = pay("4242 4242 4242 4242").await.unwrap();
        assert_eq!(pay("4242424242424242").await, Ok(paid), "one payment");
        let declined = |decline| Err(PaymentError::Declined(decline));
        let cards = [
            ("4000 0000 0000 0002", declined(Decline::CardDeclined)),
            ("4000 0000 0000 9995", declined(Decline::InsufficientFunds)),
            (
                "4000 0000 0000 0119",
                Err(PaymentError::Provider(ProviderError)),
            ),
            ("5555 5555 5555 4444", Err(PaymentError::UnknownCard)),
        ];
        for (number, expected) in cards {
            assert_eq!(pay(number).await, expected, "{number}");
        }
        const DOCUMENT: &str =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/order-lifecycle.md");
        let document = std::fs::read_to_string(DOCUMENT).expect("the document is readable");
        for (number, _) in TEST_CARDS {
            let groups: Vec<&str> = (0..4).map(|group| &number[group * 4..][..4]).collect();
            let number = groups.join(" ");
            assert!(document.contains(&number), "{number} is not documented");
        }
    }
}
