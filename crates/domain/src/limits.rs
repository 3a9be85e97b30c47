//! Every limit that users meet, and those of DynamoDB's transactions, in one place.

/// Lines in a cart or an order. With one stock update a line and the order itself, an order of
/// this many lines still fits one transaction.
pub const MAX_LINES: usize = 50;

/// Units of one product in a cart or an order.
pub const MAX_QUANTITY: u32 = 10_000;

/// Bytes of a request's body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Entries on a page of a list, unless the client asks for another number.
pub const PAGE_SIZE: usize = 20;

/// Entries on a page of a list, at most: one `BatchGetItem` fetches the stock of as many products.
pub const MAX_PAGE_SIZE: usize = 100;

/// Characters in an `Idempotency-Key`.
pub const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Characters in a product's name.
pub const MAX_NAME_CHARS: usize = 200;

/// Characters in a product's description.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// Characters in the name of a carrier.
pub const MAX_CARRIER_CHARS: usize = 100;

/// Characters in a carrier's tracking number.
pub const MAX_TRACKING_NUMBER_CHARS: usize = 100;

/// Characters in a user's or a merchant's id (the `sub` of a token).
pub const MAX_USER_ID_CHARS: usize = 128;

/// The highest price of one unit, in whole units of the shop's currency.
pub const MAX_PRICE: u32 = 1_000_000;

/// The highest amount of money, in whole units of the shop's currency: what the dearest order costs.
pub const MAX_AMOUNT: u64 = MAX_PRICE as u64 * MAX_QUANTITY as u64 * MAX_LINES as u64;

/// Digits behind the point in an amount of money.
pub const MONEY_SCALE: u32 = 2;

/// Actions in one `TransactWriteItems`.
/// Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB", transactions.
pub const MAX_TRANSACTION_ACTIONS: usize = 100;

/// Bytes of all items in one `TransactWriteItems`: the quota is 4 MB, counted here in decimal
/// so that neither reading of "MB" is exceeded.
/// Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB", transactions.
pub const MAX_TRANSACTION_BYTES: usize = 4_000_000;

/// Products whose stock one decision takes: an action of its transaction each, beside the record and
/// its open marker.
pub const MAX_DECISION_PRODUCTS: usize = MAX_TRANSACTION_ACTIONS - 2;

/// Bytes of a decision's record: well below the 400 KB of one item, and room for some 4,000 orders.
/// Source: Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB", item size.
pub const MAX_DECISION_BYTES: usize = 300_000;

const _: () = assert!(MAX_LINES <= MAX_DECISION_PRODUCTS);
