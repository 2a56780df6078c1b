"""Each English text of the shop's pages, in German."""

GERMAN = {
    # Every page
    "Skip to the content": "Zum Inhalt springen",
    "Account": "Konto",
    "Your account": "Ihr Konto",
    "Sign in": "Anmelden",
    "Sign out": "Abmelden",
    "An example on this machine. No order is shipped and no money moves.": (
        "Ein Beispiel auf diesem Rechner. Nichts wird versandt, und es fließt kein Geld."
    ),
    "Go to the shop": "Zum Shop",
    "Back to the shop": "Zurück zum Shop",
    "Details": "Details",
    # Messages
    "We open in a moment": "Wir öffnen gleich",
    "The shop is being set up on this machine. Please load this page again shortly.": (
        "Der Shop wird auf diesem Rechner gerade eingerichtet. Bitte laden Sie die Seite gleich noch einmal."
    ),
    "We can't do that right now": "Das ist gerade nicht möglich",
    "Nothing was charged. Please try again in a moment.": (
        "Es wurde nichts abgebucht. Bitte versuchen Sie es gleich noch einmal."
    ),
    "That page was out of date": "Diese Seite war veraltet",
    "Nothing has happened. Please go back to the shop and try again.": (
        "Es ist nichts geschehen. Bitte gehen Sie zurück zum Shop und versuchen Sie es noch einmal."
    ),
    "There is nothing here": "Hier ist nichts",
    "The address may be mistyped, or the page has moved.": (
        "Vielleicht ist die Adresse falsch geschrieben, oder die Seite ist umgezogen."
    ),
    # Signing in
    "Who is shopping?": "Wer kauft ein?",
    "Two customers can try the shop. Neither needs a password.": (
        "Sie können den Shop als einer von zwei Kunden ausprobieren. Ein Passwort ist nicht nötig."
    ),
    # The product
    "Two bags of Morning Blend coffee beside a steaming cup": (
        "Zwei Tüten Kaffee Morning Blend neben einer dampfenden Tasse"
    ),
    "This week’s roast": "Die Röstung dieser Woche",
    "Dark chocolate and ripe cherry, with a long, soft finish.": (
        "Dunkle Schokolade und reife Kirsche, mit langem, weichem Nachklang."
    ),
    "Two 250 g bags: one ground for filter, one for espresso.": (
        "Zwei Tüten zu 250 g: eine für Filter gemahlen, eine für Espresso."
    ),
    "with tax and shipping": "mit Steuern und Versand",
    "Order": "Bestellen",
    "Order for": "Bestellen für",
    "Amazon Pay is already set up. One click, and we charge:": (
        "Amazon Pay ist bereits eingerichtet. Mit einem Klick belasten wir:"
    ),
    "You save Amazon Pay first. From then on, one click is enough.": (
        "Sie speichern zuerst Amazon Pay. Danach genügt ein Klick."
    ),
    "You pay with Amazon Pay, and set it up only once.": (
        "Sie zahlen mit Amazon Pay und richten es nur einmal ein."
    ),
    "Origin": "Herkunft",
    "Huehuetenango, Guatemala, and Yirgacheffe, Ethiopia": (
        "Huehuetenango, Guatemala, und Yirgacheffe, Äthiopien"
    ),
    "Roasted": "Geröstet",
    "On Tuesday, and on its way the same day": "Am Dienstag, und am selben Tag unterwegs",
    "Keeps": "Haltbar",
    "Eight weeks; best in the first three": "Acht Wochen; am besten in den ersten drei",
    "Save it once, order whenever you like": "Einmal speichern und bestellen, wann Sie möchten",
    "Save Amazon Pay": "Amazon Pay speichern",
    "You read what you agree to, and confirm it at Amazon. Nothing is charged then.": (
        "Sie lesen, welchen Bedingungen Sie zustimmen, und bestätigen bei Amazon. "
        "Dabei wird nichts abgebucht."
    ),
    "Order with one click": "Mit einem Klick bestellen",
    "We charge only the orders that you place, and never more than you allowed.": (
        "Wir buchen nur für Ihre Bestellungen ab, und nie mehr, als Sie erlaubt haben."
    ),
    "Withdraw at any time": "Jederzeit widerrufen",
    "One button in your account ends it at once.": "Ein Klick in Ihrem Konto beendet die Erlaubnis sofort.",
    # Saving Amazon Pay
    "Pay with Amazon Pay": "Mit Amazon Pay zahlen",
    "Saving Amazon Pay needs JavaScript. Nothing is saved without it.": (
        "Zum Speichern von Amazon Pay ist JavaScript nötig. Ohne JavaScript wird nichts gespeichert."
    ),
    "Finish your order": "Bestellung abschließen",
    # Orders
    "Your order": "Ihre Bestellung",
    "Two 250 g bags, with tax and shipping": "Zwei Tüten zu 250 g, mit Steuern und Versand",
    "Two 250 g bags, ordered on": "Zwei Tüten zu 250 g, bestellt am",
    "Paid with": "Bezahlt mit",
    "For": "Für",
    "What you ordered": "Was Sie bestellt haben",
    "This page updates by itself.": "Diese Seite aktualisiert sich von selbst.",
    "Save Amazon Pay again": "Amazon Pay neu speichern",
    "Charge": "Abbuchung",
    "Status": "Status",
    "Permission": "Erlaubnis",
    "none": "keine",
    # The account
    "Your saved accounts are shown only with JavaScript. To withdraw a permission without it, write to us.": (
        "Ihre gespeicherten Konten werden nur mit JavaScript angezeigt. Wenn Sie eine Erlaubnis ohne "
        "JavaScript widerrufen möchten, schreiben Sie uns bitte."
    ),
    "Orders": "Bestellungen",
    "Nothing yet.": "Noch keine.",
    "See this week’s roast": "Zur Röstung dieser Woche",
    "Your permissions on record": "Nachweise zu Ihren Erlaubnissen",
    "On record": "Nachweise",
    "Each ledger entry carries the hash of the one before, so no entry can be changed unnoticed.": (
        "Jeder Eintrag enthält den Hash des vorigen, sodass keiner unbemerkt geändert werden kann."
    ),
    "Customer": "Kunde",
    "Terms": "Bedingungen",
    "version": "Fassung",
    "Payment method": "Zahlungsart",
    "Ledger": "Einträge",
    "What": "Was",
    "Status after": "Status danach",
    "When": "Wann",
    "Back to your account": "Zurück zu Ihrem Konto",
    # What became of an order
    "Being charged": "Wird abgebucht",
    "We are charging your account": "Wir belasten Ihr Konto",
    "This usually takes a few seconds.": "Das dauert meist ein paar Sekunden.",
    "Waiting for Amazon Pay": "Wartet auf Amazon Pay",
    "Amazon Pay is still deciding": "Amazon Pay entscheidet noch",
    "This can take days. We ship your order once it is paid.": (
        "Das kann Tage dauern. Wir versenden Ihre Bestellung, sobald sie bezahlt ist."
    ),
    "Will be tried again": "Wird erneut versucht",
    "Amazon Pay declined for now": "Amazon Pay hat vorerst abgelehnt",
    "We try again on {retry}. You need not do anything; we ship your order once it is paid.": (
        "Wir versuchen es am {retry} noch einmal. Sie müssen nichts tun; wir versenden Ihre Bestellung, "
        "sobald sie bezahlt ist."
    ),
    "Action needed": "Bitte prüfen",
    "Please check your Amazon account": "Bitte prüfen Sie Ihr Amazon-Konto",
    "Please look at the payment methods in your Amazon account. Until then, nothing ships.": (
        "Bitte prüfen Sie dort Ihre Zahlungsarten. Bis dahin wird nichts versandt."
    ),
    "Paid": "Bezahlt",
    "Thank you, it is paid": "Danke, es ist bezahlt",
    "We roast on Tuesday and ship the same day.": "Wir rösten am Dienstag und versenden am selben Tag.",
    "Not paid": "Nicht bezahlt",
    "It was not paid": "Es wurde nicht bezahlt",
    "No money was taken, and nothing ships.": "Es wurde kein Geld abgebucht, und nichts wird versandt.",
    "Cancelled": "Storniert",
    "This order was cancelled": "Diese Bestellung wurde storniert",
    "Not charged": "Nicht abgebucht",
    "We could not charge this order": "Wir konnten den Betrag nicht abbuchen",
    "Something is wrong on our side. Nothing was charged, and nothing ships.": (
        "Bei uns stimmt etwas nicht. Es wurde nichts abgebucht, und nichts wird versandt."
    ),
    "Being checked": "Wird geprüft",
    "We are checking your payment": "Wir prüfen Ihre Zahlung",
    "The connection failed at the wrong moment. You can leave: no order is charged twice.": (
        "Die Verbindung wurde im falschen Moment unterbrochen. Sie können diese Seite verlassen: "
        "Nichts wird zweimal abgebucht."
    ),
    "{refunded} has been refunded to you, or is on its way.": (
        "{refunded} davon wurden Ihnen erstattet oder sind unterwegs."
    ),
    "We did not charge this order": "Für diese Bestellung wurde nichts abgebucht",
    "It is possible from {earliest}.": "Möglich ist es ab dem {earliest}.",
    "Amazon Pay declined the payment.": "Amazon Pay hat die Zahlung abgelehnt.",
    "Your permission did not allow another attempt in time.": (
        "Ihre Erlaubnis ließ innerhalb der Frist keinen weiteren Versuch zu."
    ),
    "The payment was not completed in time.": "Die Zahlung wurde nicht rechtzeitig abgeschlossen.",
    "You withdrew the permission for your Amazon Pay account.": (
        "Sie haben die Erlaubnis für Ihr Amazon-Pay-Konto widerrufen."
    ),
    "The payment was cancelled.": "Die Zahlung wurde storniert.",
    "Saving your Amazon Pay account is not finished, or took too long.": (
        "Das Speichern Ihres Amazon-Pay-Kontos ist nicht abgeschlossen oder hat zu lange gedauert."
    ),
    "The permission for your Amazon Pay account was withdrawn.": (
        "Die Erlaubnis für Ihr Amazon-Pay-Konto wurde widerrufen."
    ),
    "A payment from your account is in dispute. We can charge it again once that is decided.": (
        "Eine Zahlung von Ihrem Konto ist strittig. Sobald das geklärt ist, können wir es wieder belasten."
    ),
    "You were not seen coming back from Amazon Pay to finish saving your account.": (
        "Ihre Rückkehr von Amazon Pay, die das Speichern Ihres Kontos abschließt, wurde nicht erfasst."
    ),
    "Your permission is for another currency.": "Ihre Erlaubnis gilt für eine andere Währung.",
    "Your permission is for another amount.": "Ihre Erlaubnis gilt für einen anderen Betrag.",
    "The total is above your limit for one order.": (
        "Die Summe ist höher als Ihr Höchstbetrag für eine Bestellung."
    ),
    "The total is above what is left of your limit for this period.": (
        "Die Summe ist höher als der Rest Ihres Höchstbetrags für diesen Zeitraum."
    ),
    "Your permission allows one payment in this period, and there was one.": (
        "Ihre Erlaubnis gilt für eine Zahlung in diesem Zeitraum, und es gab schon eine."
    ),
    "Your permission was for one payment, and there was one.": (
        "Ihre Erlaubnis galt für eine Zahlung, und es gab schon eine."
    ),
    "Your permission has not begun yet.": "Ihre Erlaubnis hat noch nicht begonnen.",
    "Your permission has ended.": "Ihre Erlaubnis ist abgelaufen.",
    "We promised to tell you the amount before we charge it, and have not done so yet.": (
        "Wir haben zugesagt, Ihnen den Betrag vor der Abbuchung zu nennen, und haben das noch nicht getan."
    ),
    "This order is already being charged.": "Der Betrag für diese Bestellung wird bereits abgebucht.",
    "This order is already paid.": "Diese Bestellung ist bereits bezahlt.",
    "Amazon Pay declined too many payments today.": "Amazon Pay hat heute zu viele Zahlungen abgelehnt.",
    "We have paused all payments for now. Please try again later.": (
        "Wir haben alle Zahlungen vorübergehend ausgesetzt. Bitte versuchen Sie es später noch einmal."
    ),
}
