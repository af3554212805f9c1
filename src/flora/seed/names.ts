/** Names as they are written, without a quote around each. */
const list = (text: TemplateStringsArray): string[] =>
  String(text.raw[0])
    .split(',')
    .map((name) => name.trim().replaceAll(/\s+/g, ' '));

export const MOODS = list`
  Morning Mist, First Light, Country Lane, Garden Party, Late Summer, Quiet Harbour, Sunday Best, Old
  Letters, Wild Meadow, Soft Rain, Golden Hour, Orchard Gate, Winter Sun, Sea Glass, Paper Moon, Honey and
  Thyme, Long Weekend, Village Fair, Blue Hour, Apple Blossom, Market Day, Evening Walk, Silver Birch,
  Warm Hearth, River Bend, Open Window`;

export const BUNCHES = list`
  Bunch of Ten, Bunch of Twenty, Armful, in a Vase, in Kraft Paper, Gift Box, Trio, with Eucalyptus, with
  Greenery, Table Piece`;

export const POTS = list`
  in a Clay Pot, in a White Pot, in a Basket, in Grey Stoneware, Small, Medium, Tall, Pair, in a Hanging
  Pot, on a Tray`;

export const HOUSE_PLANTS = list`
  Swiss Cheese Plant, Fiddle-leaf Fig, Peace Lily, Snake Plant, Rubber Plant, Prayer Plant, Boston Fern,
  Chinese Money Plant, String of Hearts, Golden Pothos, Kentia Palm, Bird of Paradise, Cast Iron Plant,
  Spider Plant, Zebra Plant, Calathea Orbifolia, Philodendron Brasil, Parlour Palm, Olive Tree, Weeping
  Fig, Maidenhair Fern, Dragon Tree, Umbrella Tree, English Ivy, Baby Rubber Plant`;

export const LILIES = list`
  Stargazer, Casa Blanca, Conca d’Or, Tiger Woods, Roselily Anouska, Siberia, Sorbonne, Table Dance,
  Yelloween, Brunello, Black Beauty, Muscadet, Robina, Acoustic, Golden Splendour, African Queen, Pink
  Perfection, Regale, Easter Morning, Manissa, Corvara, Santander, Zambesi, Lake Carey, Red Velvet`;

export const ORCHIDS = list`
  Snow Cascade, Wild Peach, Royal Blush, Lady Marmalade, Kaleidoscope, Sogo Yukidian, Black Jack, Tropic
  Snowball, Singolo, Miki Crown, Little Zebra, Limelight, Pulsation, Formidablo, Soft Cloud, Bolgheri,
  Diamond Star, Asian Elegance, Maple Bridge, Purple Gem, Sacramento, Jewel Box, Ceylon, Sharry Baby,
  Golden Emperor`;

export const PEONIES = list`
  Sarah Bernhardt, Coral Charm, Duchesse de Nemours, Bowl of Beauty, Karl Rosenfield, Festiva Maxima, Red
  Charm, Shirley Temple, Kansas, Gardenia, Pink Hawaiian Coral, Monsieur Jules Elie, Alertie, Command
  Performance, Etched Salmon, Bridal Shower, Dr Alexander Fleming, Henry Bockstoce, Angel Cheeks, Lemon
  Chiffon, Paula Fay, Raspberry Sundae, Top Brass, Wladyslawa, White Cap`;

export const ROSES = list`
  Avalanche, Juliet, Red Naomi, Quicksand, Sweet Avalanche, Free Spirit, Mondial, Explorer, Pink Floyd,
  Amnesia, Golden Mustard, Deep Water, Candlelight, Freedom, Vendela, Miss Piggy, Cool Water, Playa
  Blanca, Faith, Hearts, Keira, Patience, Darcey, Kensington, Westminster Abbey`;

export const SUCCULENTS = list`
  Jade Plant, Echeveria Lola, Burro’s Tail, Aloe Vera, Zebra Haworthia, Panda Plant, String of Pearls,
  Ghost Plant, Moonstones, Lithops, Houseleek, Black Prince, Agave Blue Glow, Crown of Thorns, Christmas
  Cactus, Bunny Ear Cactus, Golden Barrel, Old Lady Cactus, Flaming Katy, Pencil Plant, Paddle Plant,
  Sedum Burrito, Elephant Bush, Gasteria Duval, Aeonium Kiwi`;

export const SUNFLOWERS = list`
  Sunrich Gold, Vincent’s Choice, Teddy Bear, ProCut Orange, Moulin Rouge, Italian White, Velvet Queen,
  Ring of Fire, Lemon Queen, Little Becka, Earthwalker, Autumn Beauty, Ruby Eclipse, Buttercream,
  Starburst Panache, Claret, Florenza, Chianti, Sonja, Valentine, Greenburst, Ms Mars, Strawberry Blonde,
  Double Quick, Soraya`;

export const TULIPS = list`
  Apricot Beauty, Queen of Night, Angelique, Black Parrot, Ballerina, Spring Green, Carnaval de Nice,
  Menton, White Triumphator, Princess Irene, Mount Tacoma, Purissima, Abu Hassan, Negrita, Strong Gold,
  Pink Impression, Barcelona, Curly Sue, La Belle Epoque, Estella Rijnveld, Sorbet, Orange Emperor, Blue
  Diamond, Maureen, Uncle Tom`;

export const BOUQUETS_FORMS = list`
  Bouquet, Posy, Nosegay, Hand-tied Bunch, Grand Bouquet, Bridal Bouquet, Letterbox Bouquet, Round
  Bouquet, Cascade, Vase Arrangement`;

export const DRIED_FLOWERS_FORMS = list`
  Dried Bouquet, Dried Posy, Lavender Bundle, Pampas Bundle, Wheat Sheaf, Statice Bunch, Dried Wreath,
  Bell Jar, Wall Hanging, Letterbox Set`;

export const WREATHS_FORMS = list`
  Door Wreath, Eucalyptus Wreath, Moss Wreath, Table Wreath, Advent Wreath, Funeral Wreath, Berry Wreath,
  Herb Wreath, Willow Wreath, Small Wreath`;

export const GIFT_SETS_FORMS = list`
  Flowers with Chocolates, Flowers with a Candle, Flowers with Sparkling Wine, Flowers with Honey, New
  Baby Set, Birthday Set, Thank-you Set, Get-well Set, Bulb Kit, Seed Box`;

export const FIRST_NAMES = list`
  Ada, Amara, Amelia, Anton, Aylin, Beatriz, Bruno, Carla, Chiara, Clara, Daniel, Diego, Elena, Elif,
  Emil, Emma, Felix, Freya, Greta, Hana, Henrik, Ida, Ines, Ivan, Jakub, Jonas, Julia, Kenji, Lars, Laura,
  Lena, Leo, Lina, Lucia, Marek, Maria, Mateo, Maya, Mila, Nadia, Niklas, Noor, Olivia, Oscar, Paula`;

export const LAST_NAMES = list`
  Archer, Bakker, Baumann, Berg, Bianchi, Castro, Costa, Dahl, Dubois, Eriksen, Fischer, Fontaine, Garcia,
  Gruber, Haas, Hansen, Hoffmann, Horvat, Ito, Jansen, Kaya, Keller, Kovac, Kowalski, Lang, Larsen,
  Laurent, Lindqvist, Lopez, Marino, Martin, Meyer, Moreau, Nakamura, Novak, Okafor, Petrov, Ricci,
  Romero, Santos, Sommer, Tanaka, Vogel, Weiss, Yilmaz`;

export const CITIES = list`
  Amsterdam, Antwerp, Basel, Bologna, Bremen, Copenhagen, Ghent, Graz, Hamburg, Leipzig, Lisbon, Lyon,
  Porto, Turin, Utrecht, Vienna`;
