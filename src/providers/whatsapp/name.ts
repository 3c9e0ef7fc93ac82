/** What WhatsApp is called in the media service: in the names of its sources, in its messages, in what clients ask for. */
export const whatsAppName = 'whatsapp';
