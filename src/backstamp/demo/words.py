# ruff: noqa: RUF001 - the dotless i of Turkish names is meant
"""Short tables of facts about countries: what people, streets and cities are called, how phones are numbered.

Words are separated by white space, the more frequent first; an underscore stands for a space. In a pattern `#` is any
digit, `*` a digit from 2 to 9 and `@` a letter. The phone numbers are shaped like real ones and drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """What a country's people are called, where they live and how they are reached.

    Attributes:
        name: as it stands in an address.
        code: its two letters (ISO 3166-1).
        share: its part of the demo's people.
        dialing: the prefix of its phone numbers when called from abroad.
        trunk: what stands before a number that is called from inside.
        first: first names, each with its nicknames (`Robert:Bob,Rob`).
        last: last names.
        stems: beginnings of further last names.
        endings: endings of further last names.
        joiner: what joins two last names into one.
        joined: the share of people with two last names.
        streets: street names; they stand in place of the `%` of a street form.
        street_forms: how an address line is written; the house number stands in place of the `$`.
        mobile: patterns of mobile numbers.
        cities: a line each: name, postal code pattern, landline pattern.
    """

    name: str
    code: str
    share: float
    dialing: str
    trunk: str
    first: str
    last: str
    stems: str
    endings: str
    joiner: str
    joined: float
    streets: str
    street_forms: str
    mobile: str
    cities: str


ENGLISH_STEMS = """Ash Brad Har Brook Wes Nor Lin Cran Stan Thorn Hal Win Mar Whit Bur Lang Rad Ald Pem Hart Black
    Red Cold Wood Hay Mill Shel Step Kirk Brom Ches Elling Farn Gar Hamp Kel Lock Mel New Old Pres Rox Sand Tem"""
ENGLISH_ENDINGS = "ton ley ford well field worth wood by combe bury ham more man stone ridge land"

UNITED_STATES = Country(
    name="United States",
    code="US",
    share=0.34,
    dialing="1",
    trunk="",
    first="""James:Jim,Jimmy,Jamie Mary Robert:Bob,Rob,Bobby Patricia:Pat,Patty,Tricia John:Jack,Johnny
        Jennifer:Jen,Jenny Michael:Mike,Mick Linda:Lindy David:Dave,Davey Elizabeth:Liz,Beth,Betty
        William:Bill,Will,Billy Barbara:Barb,Barbie Richard:Rick,Rich,Dick Susan:Sue,Susie Joseph:Joe,Joey
        Jessica:Jess,Jessie Thomas:Tom,Tommy Karen Christopher:Chris,Topher Sarah:Sally Charles:Charlie,Chuck Lisa
        Daniel:Dan,Danny Nancy:Nan Matthew:Matt Sandra:Sandy Anthony:Tony Ashley:Ash Mark Emily:Em,Emmy
        Donald:Don,Donny Kimberly:Kim Steven:Steve Margaret:Maggie,Meg,Peggy Andrew:Andy,Drew Donna Paul
        Michelle:Shelly Joshua:Josh Carol Kenneth:Ken,Kenny Amanda:Mandy Kevin:Kev Melissa:Mel,Missy Brian
        Deborah:Debby,Deb,Debbie Timothy:Tim,Timmy Stephanie:Steph Ronald:Ron,Ronnie Rebecca:Becky,Becca Jason:Jay
        Laura:Laurie George Helen:Nell Edward:Ed,Eddie,Ted Sharon:Shari Jeffrey:Jeff Cynthia:Cindy Ryan
        Kathleen:Kathy,Kate Jacob:Jake Amy Nicholas:Nick,Nicky Angela:Angie Gary Shirley Eric:Rick Brenda
        Jonathan:Jon,Jonny Emma Stephen:Steve Anna:Annie Larry Pamela:Pam Justin Nicole:Nikki Scott:Scotty
        Samantha:Sam Brandon Katherine:Kathy,Kate,Katie Benjamin:Ben,Benny Christine:Chris,Tina Samuel:Sam,Sammy
        Debra:Deb,Debbie Gregory:Greg Rachel:Rach Alexander:Alex,Sandy Carolyn:Carrie Patrick:Pat,Paddy Janet:Jan
        Frank Maria:Mia Raymond:Ray Olivia:Liv Jack Heather Dennis:Denny Diane Jerry Julie:Jules Tyler:Ty Joyce
        Aaron Victoria:Vicky,Tori Jose:Pepe Kelly Nathan:Nate Christina:Tina,Chris Henry:Hank,Harry Joan:Joanie
        Zachary:Zach Evelyn:Evie Douglas:Doug Judith:Judy Peter:Pete Megan:Meg Kyle Andrea:Andie Noah Cheryl Ethan
        Hannah Jeremy:Jerry Jacqueline:Jackie Walter:Walt Martha:Marty Christian:Chris Madison:Maddie Keith
        Teresa:Terry Roger:Rodge Gloria Terry Sara Austin Janice:Jan Sean Ann:Annie Gerald:Gerry Kathryn:Kathy,Kate
        Carl Abigail:Abby Harold:Harry,Hal Sophia:Sophie Dylan Frances:Fran,Frankie Arthur:Art Jean Lawrence:Larry
        Alice:Allie Jordan Judy Jesse:Jess Isabella:Bella,Izzy Bryan Julia:Jules Billy Grace Bruce Amber
        Gabriel:Gabe Denise Joe Danielle:Dani Logan Marilyn Alan:Al Beverly:Bev Juan Charlotte:Lottie,Charlie
        Albert:Al,Bert Natalie:Nat Willie Theresa:Terry Elijah:Eli Diana:Di Wayne Brittany:Britt Randy Doris
        Vincent:Vince Kayla Mason Alexis:Alex Roy Lori Ralph Tiffany""",
    last="""Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez
        Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez
        Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall
        Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes
        Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard
        Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez
        Castillo Sanders Patel Myers Long Ross Foster Jimenez Powell Jenkins Perry Russell Sullivan Bell Coleman
        Butler Henderson Barnes Gonzales Fisher Vasquez Simmons Romero Jordan Patterson Alexander Hamilton Graham
        Reynolds Griffin Wallace Moreno West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar Stevens
        Murray Ford Castro Marshall Owens Harrison Fernandez McDonald Woods Washington Kennedy Wells Vargas Henry
        Chen Freeman Webb Tucker Guzman Burns Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder
        Mason Dixon Munoz Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Rose Stone Salazar Fox Warren Mills
        Meyer Rice Schmidt Garza Daniels Ferguson Nichols Stephens Soto Weaver Ryan Gardner Payne Grant Dunn Kelley
        Spencer Hawkins Arnold Pierce Hansen Peters Santos Hart Bradley Knight Elliott Cunningham Duncan Armstrong
        Hudson Carroll Lane Riley Andrews Alvarado Ray Delgado Berry Perkins Hoffman Johnston Matthews Pena Richards
        Contreras Willis Carpenter Lawrence Sandoval""",
    stems=ENGLISH_STEMS,
    endings=ENGLISH_ENDINGS,
    joiner="-",
    joined=0.03,
    streets="""Main Oak Park Maple Cedar Elm Washington Lake Hill Pine Walnut Spring North Ridge Church Willow Mill
        Sunset Railroad Jackson West_4th South Cherry Highland Johnson Forest River Meadow Franklin Lincoln
        Jefferson Chestnut Broadway Madison College Dogwood Hickory Valley Center Birch Locust Poplar Adams Spruce
        Cherry_Hill Fox_Run NE_8th NW_Market 1st 2nd 3rd 5th 12th 15th 23rd Magnolia Laurel Sycamore Aspen Juniper
        Cypress Prospect Liberty""",
    street_forms="$_%_St $_%_Ave $_%_Rd $_%_Dr $_%_Ln $_%_Ct $_%_Blvd $_%_Way $_%_Street $_%_Avenue",
    mobile="""206_*##_#### 425_*##_#### 212_*##_#### 917_*##_#### 310_*##_#### 213_*##_#### 312_*##_####
        773_*##_#### 713_*##_#### 832_*##_#### 602_*##_#### 480_*##_#### 215_*##_#### 267_*##_#### 210_*##_####
        619_*##_#### 214_*##_#### 469_*##_#### 408_*##_#### 415_*##_#### 617_*##_#### 303_*##_#### 503_*##_####
        404_*##_#### 305_*##_#### 612_*##_#### 614_*##_#### 704_*##_#### 615_*##_#### 313_*##_####""",
    cities="""
        New York; 100##; 212 *## ####
        Los Angeles; 900##; 213 *## ####
        Chicago; 606##; 312 *## ####
        Houston; 770##; 713 *## ####
        Phoenix; 850##; 602 *## ####
        Philadelphia; 191##; 215 *## ####
        San Antonio; 782##; 210 *## ####
        San Diego; 921##; 619 *## ####
        Dallas; 752##; 214 *## ####
        San Jose; 951##; 408 *## ####
        Austin; 787##; 512 *## ####
        Columbus; 432##; 614 *## ####
        Charlotte; 282##; 704 *## ####
        Indianapolis; 462##; 317 *## ####
        San Francisco; 941##; 415 *## ####
        Seattle; 981##; 206 *## ####
        Denver; 802##; 303 *## ####
        Nashville; 372##; 615 *## ####
        Boston; 021##; 617 *## ####
        Portland; 972##; 503 *## ####
        Detroit; 482##; 313 *## ####
        Atlanta; 303##; 404 *## ####
        Miami; 331##; 305 *## ####
        Minneapolis; 554##; 612 *## ####
        Redmond; 98052; 425 *## ####
        Bellevue; 9800#; 425 *## ####
        Madison; 537##; 608 *## ####
        Boise; 837##; 208 *## ####
        Burlington; 054##; 802 *## ####""",
)

UNITED_KINGDOM = Country(
    name="United Kingdom",
    code="GB",
    share=0.12,
    dialing="44",
    trunk="0",
    first="""Oliver:Ollie Olivia:Liv,Livvy George Amelia:Millie Harry Isla Jack Ava Jacob:Jake Emily:Em,Emmy Charlie
        Mia Thomas:Tom,Tommy Isabella:Bella,Izzy Oscar Ella:Ellie William:Will,Bill Sophie:Soph James:Jim,Jamie Lily
        David:Dave Susan:Sue Christine:Chris,Tina John:Jack Margaret:Maggie,Peg Michael:Mike,Mick Elizabeth:Liz,Beth
        Peter:Pete Patricia:Pat,Trish Robert:Bob,Rob Helen Paul Deborah:Debby,Debs Andrew:Andy Julie Stephen:Steve
        Tracey:Trace Mark Jacqueline:Jackie Simon:Si Karen:Kaz Ian Nicola:Nicky Anthony:Tony Sarah:Sally
        Richard:Rich,Rick Alison:Ali Christopher:Chris Joanne:Jo Philip:Phil Catherine:Cathy,Kate Kevin:Kev
        Victoria:Vicky Martin:Marty Samantha:Sam Nigel:Nige Rebecca:Becky,Becca Gary:Gaz Emma:Em Graham Lucy
        Jonathan:Jon Charlotte:Lottie,Charlie Alan:Al Hannah Neil Jessica:Jess Stuart:Stu Lauren:Loz
        Daniel:Dan,Danny Chloe Matthew:Matt Gemma:Gem Darren:Daz Katherine:Kate,Katie Edward:Ed,Ted Imogen:Immy
        Benjamin:Ben Georgina:Georgie Joseph:Joe Eleanor:Ellie,Nell Samuel:Sam Abigail:Abby Alexander:Alex,Sandy
        Fiona:Fi Callum:Cal Heather Ewan Siân Rhys Niamh Declan Aoife Gareth:Gaz Bronwen Hamish Eilidh Zoë Chloë
        Seán Órla""",
    last="""Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White
        Roberts Green Hall Wood Jackson Clarke Khan Patel Lewis James Phillips Mason Mitchell Rose Davis Rodríguez
        Cox Ahmed Hussain Turner Hill Cooper Ward Morris Moore Clark Lee King Baker Harrison Morgan Allen Watson
        Parker Scott Bennett Price Griffiths Young Singh Begum Cook Bailey Carter Marshall Richardson Shaw Bell
        Adams Collins Murphy Stevens Hughes Edwards Simpson Campbell Anderson Miller Foster Ellis Chapman Mills Webb
        Rogers Hunt Palmer Holmes Knight Butler Barker Saunders Booth Fletcher Barnes Lloyd Matthews Harvey Pearson
        Graham Gibson O'Brien O'Connor McCarthy MacDonald Stewart Murray Fraser Ross Henderson Cameron Kerr Duncan
        Pritchard Bevan Llewellyn Kaur Ali Chowdhury Sharma Atkinson Dawson Hawkins Whitehead Sutcliffe Greenwood""",
    stems=ENGLISH_STEMS,
    endings=ENGLISH_ENDINGS,
    joiner="-",
    joined=0.06,
    streets="""High Station Church Park Victoria London Green Manor Kings Queens Mill New York Albert Grange
        Springfield School Stanley North Windsor Alexandra Broadway Chester George Highfield Kingsway Mansfield
        Oxford Richmond St_John's West Clarence Lansdowne Orchard Priory Rectory Derby Elm Cromwell Tudor Hawthorn
        Meadow Northgate""",
    street_forms="$_%_Street $_%_Road $_%_Lane $_%_Avenue $_%_Close $_%_Gardens $_%_Drive Flat_2,_$_%_Road",
    mobile="7400_###### 75##_###### 77##_###### 78##_###### 79##_###### 74##_######",
    cities="""
        London; SW# #@@; 20 7### ####
        London; NW# #@@; 20 8### ####
        Birmingham; B1# #@@; 121 *## ####
        Manchester; M# #@@; 161 *## ####
        Leeds; LS# #@@; 113 *## ####
        Glasgow; G# #@@; 141 *## ####
        Sheffield; S# #@@; 114 *## ####
        Liverpool; L# #@@; 151 *## ####
        Bristol; BS# #@@; 117 *## ####
        Edinburgh; EH# #@@; 131 *## ####
        Cardiff; CF1# #@@; 29 2### ####
        Leicester; LE# #@@; 116 *## ####
        Belfast; BT# #@@; 28 90## ####
        Brighton; BN# #@@; 1273 ######
        York; YO# #@@; 1904 ######
        Stoke-on-Trent; ST# #@@; 1782 ######""",
)

GERMANY = Country(
    name="Germany",
    code="DE",
    share=0.13,
    dialing="49",
    trunk="0",
    first="""Peter:Pit Ursula:Uschi,Ulla Michael:Michi,Micha Monika:Moni Thomas:Tom Sabine:Bine Andreas:Andi
        Susanne:Susi,Sanne Wolfgang:Wolle Petra Klaus Renate:Nate Jürgen Karin Stefan:Steff Birgit:Biggi Hans:Hansi
        Andrea Christian:Chris Claudia Frank Brigitte:Gitte Martin Gabriele:Gabi,Gaby Werner Helga Bernd
        Stefanie:Steffi Günter Elke Matthias:Matze,Hias Angelika:Geli Alexander:Alex Martina Dieter Nicole:Nici
        Manfred:Manni Kerstin Markus Heike Uwe Christine:Christl,Tine Ralf Julia:Jule Jörg Katharina:Kathi,Käthe
        Daniel:Dani Anja Sebastian:Basti Tanja Heinz Melanie:Melli Sven Silke Tobias:Tobi Sandra Oliver:Olli
        Daniela:Dani Rainer Anna:Anni Jan Christina:Tina Torsten Barbara:Bärbel Florian:Flo Marion Holger Ute Dirk
        Jutta Gerhard:Gerd Elisabeth:Lisa,Elli,Sissi Joachim:Jochen,Achim Hannelore:Hanne Maximilian:Max
        Sophie:Soffi Karl-Heinz:Kalle Jennifer:Jenny Benjamin:Ben Lena Felix Hanna Philipp:Phil Laura Jonas
        Friederike:Rike Lukas:Luke Johanna:Hanna Jakob Greta Hans-Peter:Hape Marie Björn Bärbel Götz Käthe Jürn
        Dörte Özlem Emre Jonathan:Joni Franziska:Franzi""",
    last="""Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter
        Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz
        Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang
        Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz
        Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger
        Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel
        Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Yılmaz Kaya Nowak Grünwald Weiss von_Berg""",
    stems="""Linden Eichen Stein Berg Rosen Hof Kirch Neu Alt Ober Nieder Wald Bach Feld Hart Roth Schwarz Brand
        Burg Hasel Birn Tannen Wies Mühl Grün Lang Kalten Reichen Dorn Ellen Falken Gold Hagen Hohen Klee Licht Moos
        Sonnen""",
    endings="mann berger meier hoff bauer müller thal feld stein hauser wald ner lich",
    joiner="-",
    joined=0.04,
    streets="""Haupt Schul Garten Bahnhof Dorf Berg Birken Linden Kirch Wald Ring Schiller Goethe Jahn Mozart Rosen
        Wiesen Beethoven Blumen Buchen Eichen Friedrich Industrie Kant Kastanien Luther Mühlen Park Römer Sonnen
        Tannen Ulmen Veilchen Wilhelm Ahorn Bach Brunnen Feld Flora Königs Schloß Tulpen Uhland Lessing Nelken Amsel""",
    street_forms="%straße_$ %str._$ %weg_$ %gasse_$ %allee_$ %platz_$",
    mobile="""151_######## 160_####### 170_####### 171_####### 172_####### 175_####### 176_######## 177_#######
        179_#######""",
    cities="""
        Berlin; 10###; 30 *#######
        Hamburg; 20###; 40 *#######
        München; 80###; 89 *#######
        Köln; 50###; 221 *######
        Frankfurt am Main; 60###; 69 *#######
        Stuttgart; 70###; 711 *######
        Düsseldorf; 40###; 211 *######
        Leipzig; 04###; 341 *######
        Dortmund; 44###; 231 *######
        Bremen; 28###; 421 *#####
        Dresden; 01###; 351 *######
        Hannover; 30###; 511 *#####
        Nürnberg; 90###; 911 *#####
        Münster; 48###; 251 *#####
        Würzburg; 970##; 931 *#####
        Göttingen; 370##; 551 *#####
        Tübingen; 720##; 7071 *####""",
)

FRANCE = Country(
    name="France",
    code="FR",
    share=0.09,
    dialing="33",
    trunk="0",
    first="""Jean:Jeannot Marie:Mimi Pierre:Pierrot Nathalie:Nath Michel:Mich Isabelle:Isa André:Dédé Sylvie:Syl
        Philippe:Phil Catherine:Cathy,Cath Alain Martine:Titine Bernard:Nanard Christine:Cricri Jacques:Jacky
        Françoise:Fanfan Daniel:Dany Valérie:Val Christophe:Chris,Tophe Sandrine:Sand Nicolas:Nico Stéphanie:Steph
        Frédéric:Fred Sophie:Soso Stéphane:Steph Céline:Line Laurent:Lolo Véronique:Véro Patrick:Pat Monique:Momo
        David:Dav Aurélie:Lili Julien:Juju Julie:Ju Thomas:Tom Camille:Cam Sébastien:Seb Laura:Lolo Éric:Rico
        Caroline:Caro Olivier:Oliv Émilie:Mimi Guillaume:Guigui Élodie:Élo Thierry:Titi Virginie:Vivi Alexandre:Alex
        Pauline:Popo Antoine:Toine Manon Maxime:Max Léa Romain:Rom Chloé:Clo Hugo Mathilde:Mathou Louis:Loulou
        Hélène:Lélène François:Fanfan Jacqueline:Jacotte Bruno Anne-Marie:Annie Jean-Pierre:JP Brigitte:Bibi
        Jean-Luc:JL Corinne:Coco Jérôme:Jé Inès Théo Zoé Loïc Gaëlle:Gaë Mickaël:Mika Joël Noémie:Nono Raphaël:Raph
        Maëlys Benoît:Ben Agnès Rémi Fatima Mehdi Karim Thérèse:Thé""",
    last="""Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel
        Garcia David Bertrand Roux Vincent Fournier Morel Girard André Lefèvre Mercier Dupont Lambert Bonnet
        François Martinez Legrand Garnier Faure Rousseau Blanc Guérin Müller Henry Roussel Nicolas Perrin Morin
        Mathieu Clément Gauthier Dumont Lopez Fontaine Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis
        Lemaire Duval Joly Gautier Roger Roche Roy Noël Meyer Lucas Meunier Jean Perez Marchand Dufour Blanchard
        Marie Barbier Brun Dumas Brunet Schmitt Leroux Colas Fernandez Pierre Renard Arnaud Rolland Caron Aubert
        Giraud Leclerc Vidal Bourgeois Renaud Lemoine Picard Gaillard Philippe Leclercq Lacroix Fabre Dupuis Benoît
        Lévêque Gonçalves Belaïd""",
    stems="""Bois Mar Chap Ber Gar Per Pel Bou Char Gui Mor Tess Barr Cour Del Fav Gour Lam Mais Nal Our Pin Rav Sav
        Tri Val Vas Bar Cam Des Fauch Grand Jour Lab Mon""",
    endings="ier eau ard ot in elle on eret olet aud inot ac illon et",
    joiner="-",
    joined=0.05,
    streets="""de_l'Église de_la_République Victor_Hugo Pasteur Jean_Jaurès des_Écoles du_Moulin de_la_Gare
        du_Château de_la_Mairie des_Fleurs Voltaire de_la_Fontaine Jules_Ferry de_la_Paix du_Stade des_Lilas
        Émile_Zola de_Verdun du_8_Mai_1945 de_la_Liberté Gambetta des_Rosiers des_Acacias de_la_Forêt Saint-Jean
        du_Général_Leclerc de_Paris de_Bretagne de_Provence du_Marché Carnot Molière du_Lavoir des_Vignes
        des_Tilleuls du_Puits""",
    street_forms="$_rue_% $,_rue_% $_avenue_% $_bd_% $_place_% $_chemin_% $_bis_rue_%",
    mobile="6_##_##_##_## 7_##_##_##_##",
    cities="""
        Paris; 750##; 1 ## ## ## ##
        Marseille; 130##; 4 91 ## ## ##
        Lyon; 6900#; 4 72 ## ## ##
        Toulouse; 31###; 5 61 ## ## ##
        Nice; 06###; 4 93 ## ## ##
        Nantes; 44###; 2 40 ## ## ##
        Montpellier; 340##; 4 67 ## ## ##
        Strasbourg; 670##; 3 88 ## ## ##
        Bordeaux; 33###; 5 56 ## ## ##
        Lille; 59###; 3 20 ## ## ##
        Rennes; 35###; 2 99 ## ## ##
        Saint-Étienne; 42###; 4 77 ## ## ##
        Besançon; 250##; 3 81 ## ## ##
        Orléans; 450##; 2 38 ## ## ##
        Nîmes; 30###; 4 66 ## ## ##""",
)

SPAIN = Country(
    name="Spain",
    code="ES",
    share=0.07,
    dialing="34",
    trunk="",
    first="""Antonio:Toni,Toño María:Mari Manuel:Manolo Carmen:Menchu José:Pepe Ana:Anita Francisco:Paco,Fran
        Isabel:Isa David:Davi Dolores:Lola Juan:Juanito Pilar:Pili Javier:Javi Josefa:Pepa Daniel:Dani Teresa:Tere
        José_Antonio:Josean Rosa Carlos:Carlitos Cristina:Cris Jesús:Chus Ángeles:Angelines Alejandro:Álex,Jandro
        Antonia:Toñi Miguel:Migue Lucía:Luci Rafael:Rafa Marta Pedro Francisca:Paqui Pablo Laura:Lauri Ángel
        Elena:Nena Sergio Mercedes:Merche Fernando:Fer,Nando Concepción:Concha,Conchi Jorge Rosario:Charo Luis Sara
        Alberto:Berto Paula Álvaro Juana:Juani Adrián:Adri Raquel:Raque Diego Beatriz:Bea Raúl Nuria Iván Silvia
        Rubén Encarnación:Encarna Óscar Montserrat:Montse Enrique:Quique Patricia:Patri Ramón:Moncho Andrea
        Vicente:Vicen Rocío Andrés Mónica:Moni Joaquín:Quino Alba Santiago:Santi Inmaculada:Inma Víctor Susana:Susi
        Eduardo:Edu Begoña:Bego Íñigo Núria Iñaki José_Luis:Joselu María_José:Marijose Juan_Carlos:Juancar""",
    last="""García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Hernández Ruiz
        Díaz Moreno Muñoz Álvarez Romero Gutiérrez Alonso Navarro Torres Domínguez Ramos Vázquez Ramírez Gil Serrano
        Morales Molina Blanco Suárez Castro Ortega Delgado Ortiz Marín Rubio Núñez Medina Sanz Castillo Iglesias
        Cortés Garrido Santos Guerrero Lozano Cano Cruz Méndez Flores Prieto Herrera Peña León Márquez Cabrera
        Gallego Calvo Vidal Campos Reyes Vega Fuentes Carrasco Díez Aguilar Caballero Nieto Santana Vargas Pascual
        Giménez Herrero Hidalgo Montero Lorenzo Santiago Benítez Durán Ibáñez Arias Mora Ferrer Carmona Vicente
        Rojas Soto Crespo Román Pastor Velasco Parra Sáez Moya Bravo Rivera Gallardo Soler Echeverría Goñi
        Etxebarria Puig Casals""",
    stems="""Al Bar Cas Del Esc Fuen Gal Her Iba Jar Mad Nav Ol Pal Quint Riv Sal Tor Val Zam Mont Cer Cor""",
    endings="ada ares illo ero eda osa anilla uerta arro",
    joiner=" ",
    joined=0.6,
    streets="""Mayor Real Nueva de_la_Iglesia del_Sol San_Juan San_José de_la_Constitución de_Cervantes Santa_María
        del_Carmen Goya Velázquez Ramón_y_Cajal de_España Colón San_Antonio del_Pilar de_la_Paz de_Andalucía
        Miguel_Hernández de_la_Libertad Picasso del_Prado Gran_Vía de_Aragón de_Castilla Jardín Molino del_Río
        Fuente Sevilla Toledo Granada Murillo Lope_de_Vega San_Pedro San_Miguel""",
    street_forms="Calle_%,_$ C/_%,_$ C/_%_$ Avenida_%,_$ Av._%,_$ Plaza_%,_$ Calle_%,_$,_2ºB",
    mobile="6##_###_### 7##_###_###",
    cities="""
        Madrid; 280##; 91 ### ## ##
        Barcelona; 080##; 93 ### ## ##
        Valencia; 460##; 96 ### ## ##
        Sevilla; 410##; 95 ### ## ##
        Zaragoza; 500##; 976 ### ###
        Málaga; 290##; 952 ### ###
        Murcia; 300##; 968 ### ###
        Palma; 070##; 971 ### ###
        Bilbao; 480##; 94 ### ## ##
        Alicante; 030##; 965 ### ###
        Córdoba; 140##; 957 ### ###
        Valladolid; 470##; 983 ### ###
        A Coruña; 150##; 981 ### ###
        Logroño; 260##; 941 ### ###""",
)

POLAND = Country(
    name="Poland",
    code="PL",
    share=0.06,
    dialing="48",
    trunk="",
    first="""Anna:Ania,Anka Piotr:Piotrek Maria:Marysia Krzysztof:Krzysiek Katarzyna:Kasia Andrzej:Jędrek
        Małgorzata:Małgosia,Gosia Tomasz:Tomek Agnieszka:Aga Paweł:Pawełek Barbara:Basia Jan:Janek,Jasiek Ewa:Ewka
        Michał:Misiek Krystyna:Krysia Marcin:Marcinek Elżbieta:Ela Stanisław:Staszek,Stach Magdalena:Magda
        Jakub:Kuba Joanna:Asia Adam:Adaś Zofia:Zosia Marek:Mareczek Aleksandra:Ola Łukasz:Łukaszek Monika:Mona
        Grzegorz:Grzesiek Teresa:Renia Mateusz:Mati Danuta:Danka Wojciech:Wojtek Natalia:Nati Mariusz:Mario
        Karolina:Karola Dariusz:Darek Marta Zbigniew:Zbyszek Beata:Beatka Maciej:Maciek Dorota:Dorotka Rafał
        Jadwiga:Jadzia Robert:Robuś Alicja:Ala Kamil Jolanta:Jola Jerzy:Jurek Halina:Halinka Jacek Iwona:Iwonka
        Szymon:Szymek Justyna:Justa Józef:Józek Grażyna:Grażka Dawid Paulina:Paula Tadeusz:Tadek Renata:Rena Kacper
        Hanna:Hania Sławomir:Sławek Wiktoria:Wika Bartosz:Bartek Zuzanna:Zuza Artur Urszula:Ula Władysław:Władek
        Bożena Bogdan:Boguś Sylwia:Sylwka""",
    last="""Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski
        Kozłowski Jankowski Mazur Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Michalski Król
        Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Stępień Malinowski Jaworski Adamczyk Dudek Nowicki
        Pawlak Górski Witkowski Walczak Sikora Baran Rutkowski Michalak Szewczyk Ostrowski Tomaszewski Pietrzak Duda
        Zalewski Wróblewski Jasiński Marciniak Bąk Zawadzki Sadowski Jakubowski Wilk Włodarczyk Chmielewski
        Borkowski Sokołowski Szczepański Sawicki Kucharski Lis Maciejewski Kubiak Kalinowski Mazurek Wysocki
        Kołodziej Kaźmierczak Czarnecki Sobczak Konieczny Urbański Głowacki Wasilewski Sikorski Zakrzewski Krajewski
        Krupa Laskowski Gajewski Ziółkowski Mróz Brzeziński Szulc Makowski Baranowski Przybylski Kaczmarczyk
        Borowski Cieślak Górecki Gołębiewski""",
    stems="""Adam Bor Brzez Cich Czar Dębo Gajo Gro Jan Jaworo Kamien Klon Kos Krak Lesz Lip Łuk Maj Miel Ol Osin
        Pol Rad Rom Ryb Sosn Stan Such Topol Wierzb Wolań Wojt Zaw Żur""",
    endings="owski ewicz czyk iński ecki iak ański",
    joiner="-",
    joined=0.02,
    streets="""Polna Leśna Słoneczna Krótka Szkolna Ogrodowa Lipowa Brzozowa Łąkowa Kwiatowa Sosnowa Kościelna
        Akacjowa Parkowa Zielona Kolejowa Sportowa Dębowa Mickiewicza Kościuszki Wiśniowa Klonowa Spokojna Długa
        Sienkiewicza Górna Cicha Boczna Wąska Jana_Pawła_II Piłsudskiego Słowackiego Reymonta Żeromskiego
        Konopnickiej Młyńska Nowa""",
    street_forms="ul._%_$ %_$ ul._%_$/4 ul._%_$_m._7 al._%_$",
    mobile="50#_###_### 51#_###_### 60#_###_### 66#_###_### 69#_###_### 72#_###_### 78#_###_###",
    cities="""
        Warszawa; 0#-###; 22 ### ## ##
        Kraków; 3#-###; 12 ### ## ##
        Łódź; 9#-###; 42 ### ## ##
        Wrocław; 5#-###; 71 ### ## ##
        Poznań; 6#-###; 61 ### ## ##
        Gdańsk; 80-###; 58 ### ## ##
        Szczecin; 7#-###; 91 ### ## ##
        Bydgoszcz; 85-###; 52 ### ## ##
        Lublin; 20-###; 81 ### ## ##
        Białystok; 15-###; 85 ### ## ##
        Katowice; 40-###; 32 ### ## ##
        Częstochowa; 42-###; 34 ### ## ##
        Rzeszów; 35-###; 17 ### ## ##""",
)

ITALY = Country(
    name="Italy",
    code="IT",
    share=0.07,
    dialing="39",
    trunk="",
    first="""Giuseppe:Peppe,Beppe Maria:Mari Antonio:Tonino,Totò Anna:Annina Giovanni:Gianni Francesca:Franci Mario
        Rosa:Rosetta Luigi:Gigi Angela:Angi Francesco:Franco,Ciccio Giovanna:Vanna Angelo:Lino Teresa:Sina
        Vincenzo:Enzo Lucia:Lucy Pietro:Piero Carmela:Melina Salvatore:Totò,Turi Caterina:Rina Carlo:Carletto
        Giulia:Giuly Franco Laura:Lalla Domenico:Mimmo Elena:Lena Bruno Chiara:Chicca Paolo:Paolino Sara:Saretta
        Michele:Lino Valentina:Vale Giorgio:Giorgino Paola:Paoletta Aldo Silvia:Silvi Sergio Alessandra:Ale,Sandra
        Luciano:Lucio Federica:Fede Andrea:Andre Martina:Marti Marco:Marchino Elisa:Eli Alessandro:Ale,Sandro
        Roberta:Roby Luca Barbara:Barbi Stefano:Ste Simona:Simo Roberto:Roby Daniela:Dani Matteo:Teo Cristina:Cri
        Lorenzo:Renzo Monica:Moni Davide:Dade Ilaria:Ila Simone:Simo Elisabetta:Betta,Betty Fabio:Fabietto
        Claudia:Claudina Riccardo:Ricky Sofia:Sofi Niccolò:Nico Aurora:Auri Leonardo:Leo Gaia Tommaso:Tommi
        Alice:Ali Raffaele:Lele Gabriella:Gabri Massimo:Max Giuseppina:Pina Maurizio:Mauri Antonella:Anto
        Filippo:Pippo Nicolò:Nico Noemi Mosè""",
    last="""Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini
        Costa Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini
        Leone Longo Gentile Martinelli Vitale Lombardo Serra Coppola De_Santis D'Angelo Marchetti Parisi Villa Conte
        Ferraro Ferri Fabbri Bianco Marini Grasso Valentini Messina Sala De_Angelis Gatti Pellegrini Palumbo Sanna
        Farina Rizzi Monti Cattaneo Morelli Amato Silvestri Mazza Testa Grassi Pellegrino Carbone Giuliani Benedetti
        Barone Rossetti Caputo Montanari Guerra Palmieri Bernardi Martino Fiore De_Rosa Ferretti Bellini Basile Riva
        Donati Piras Vitali Battaglia Sartori Neri Costantini Milani Pagano Ruggiero Sorrentino D'Amico Orlando
        Negri Dalla_Corte Nardò Cantù""",
    stems="""Bell Cast Mart Zan Ros Bert Cor Fer Gal Lomb Mar Mor Pell Rin Sal Tosc Val Bon Camp Del Fior Gran Lan
        Mont Nard Orl Pas Ram Sant Ton Vent Ben Car Gar""",
    endings="ini etti elli one ucci acci ato oni ari ello otti in",
    joiner=" ",
    joined=0.02,
    streets="""Roma Garibaldi Marconi Mazzini Dante_Alighieri Cavour Giuseppe_Verdi Matteotti IV_Novembre Kennedy
        Gramsci della_Libertà Europa dei_Mille San_Francesco Leonardo_da_Vinci Galileo_Galilei della_Repubblica
        Manzoni XX_Settembre Vittorio_Emanuele_II Nazionale del_Lavoro Santa_Lucia della_Stazione Milano Torino
        Venezia Firenze Petrarca Boccaccio Carducci Pascoli Leopardi delle_Rose degli_Ulivi Monte_Grappa Piave
        Isonzo""",
    street_forms="Via_%,_$ Via_%_$ Viale_%,_$ Corso_%,_$ Piazza_%,_$ V._%_$ Via_%_$/A",
    mobile="""320_####### 328_####### 333_####### 335_####### 338_####### 340_####### 347_####### 349_#######
        366_#######""",
    cities="""
        Roma; 001##; 06 ########
        Milano; 201##; 02 ########
        Napoli; 801##; 081 #######
        Torino; 101##; 011 #######
        Palermo; 901##; 091 #######
        Genova; 161##; 010 #######
        Bologna; 401##; 051 ######
        Firenze; 501##; 055 ######
        Bari; 701##; 080 #######
        Catania; 951##; 095 ######
        Venezia; 301##; 041 #######
        Verona; 371##; 045 #######
        Forlì; 471##; 0543 ######
        Cefalù; 90015; 0921 ######""",
)

TURKEY = Country(
    name="Türkiye",
    code="TR",
    share=0.04,
    dialing="90",
    trunk="0",
    first="""Mehmet:Memo Fatma:Fatoş Mustafa:Musti Ayşe:Ayşecik Ahmet:Ahmo Emine:Emoş Ali:Aliş Hatice:Hatçe
        Hüseyin:Hüso Zeynep:Zeyno Hasan:Hasso Elif:Eliş İbrahim:İbo Meryem:Mero İsmail:İso Şerife Osman Zehra
        Yusuf:Yusi Sultan Murat:Muri Hanife Ömer Merve Ramazan:Ramo Özlem Halil Havva Süleyman:Sülo Esra
        Abdullah:Apo Yasemin:Yaso Mahmut Hülya Salih Sevim Kemal Songül Recep Büşra Fatih Gülsüm Kadir Dilek Emre
        Hacer Hakan Elmas Adem Kübra Kerem Gamze Serkan:Serko Sibel Orhan Derya Volkan Aylin Burak Gül Çağlar Tuğba
        Oğuz Şeyma Uğur Çiğdem Barış Pınar Gökhan:Gökçe Nurgül Tolga Ebru Cem Deniz Onur Selin Umut İrem Yiğit Ece""",
    last="""Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara
        Koç Kurt Özkan Şimşek Polat Korkmaz Çakır Erdoğan Can Acar Şen Aktaş Güler Yalçın Güneş Bozkurt Bulut Keskin
        Ünal Turan Gül Özer Işık Kaplan Avcı Sarı Tekin Taş Köse Yüksel Ateş Aksoy Yavuz Uçar Duman Coşkun Güngör
        Tunç Deniz Kocaman Uysal Durmaz Ekinci Bayram Karaca Toprak Çınar Sezer Erol Başaran Oktay Soylu Tuna""",
    stems="""Ak Kara Demir Öz Er Gün Yıl Al Boz Çak Dağ Gök Kır San Taş Tek Ulu Uz Yal Bay Kaya Hacı Koca Deli
        Mehmet Ali""",
    endings="oğlu can kan türk taş soy gil er demir",
    joiner=" ",
    joined=0.02,
    streets="""Atatürk Cumhuriyet İstiklal İnönü Gazi Fatih Bahçe Çiçek Menekşe Gül Lale Papatya Mimar_Sinan
        Yunus_Emre Mevlana Barış Zafer Okul Hürriyet Bağdat Şehit_Ali Akasya Çınar Yıldız Deniz Güneş Kavak Çam
        Selvi Adnan_Menderes""",
    street_forms="%_Caddesi_No:$ %_Cad._No:$ %_Sokak_No:$ %_Sk._No:$/3 %_Bulvarı_No:$",
    mobile="""530_###_##_## 532_###_##_## 533_###_##_## 535_###_##_## 542_###_##_## 544_###_##_## 505_###_##_##
        555_###_##_##""",
    cities="""
        İstanbul; 34###; 212 *## ## ##
        İstanbul; 34###; 216 *## ## ##
        Ankara; 06###; 312 *## ## ##
        İzmir; 35###; 232 *## ## ##
        Bursa; 16###; 224 *## ## ##
        Antalya; 07###; 242 *## ## ##
        Adana; 01###; 322 *## ## ##
        Gaziantep; 27###; 342 *## ## ##
        Eskişehir; 26###; 222 *## ## ##
        Muğla; 48###; 252 *## ## ##""",
)

NORDIC_STEMS = (
    "Berg Lind Sand Sund Dal Hag Hall Holm Lund Nord Ström Söder Väster Öst Sjö Eng Ek Björk Ny Wik Ros Fors Ahl Hell"
)

SWEDEN = Country(
    name="Sweden",
    code="SE",
    share=0.04,
    dialing="46",
    trunk="0",
    first="""Lars:Lasse Maria:Mia Karl:Kalle Anna:Annika Anders Margareta:Greta,Maggan Johan:Jocke
        Elisabeth:Lisa,Bettan Per:Pelle Eva Erik:Erka Kristina:Stina,Kicki Nils:Nisse Birgitta:Gittan Mikael:Micke
        Karin:Kajsa Jan:Janne Marie:Mimmi Peter:Petter Ingrid:Inga Hans:Hasse Christina:Tina Thomas:Tompa Linnéa:Nea
        Fredrik:Fredde Marianne:Janne Daniel:Danne Sofia:Soffan Andreas:Adde Kerstin:Kia Gustav:Gurra Helena:Lena
        Stefan:Steffe Johanna:Jossan Göran Susanne:Sussi Magnus:Mange Åsa Björn Malin Mats:Matte Emma Jonas
        Ulrika:Ulla Bengt Camilla:Milla Henrik:Henke Charlotte:Lotta Niklas:Nicke Josefin:Jossan Sven Katarina:Katta
        Håkan Gunilla:Nilla Östen Märta Åke Agneta:Neta Jörgen Annelie:Nellie Kjell Ylva Torbjörn:Tobbe Amanda Leif
        Elin Oskar Ebba Viktor:Vicke Alva""",
    last="""Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Pettersson
        Jonsson Jansson Hansson Bengtsson Jönsson Lindberg Jakobsson Magnusson Olofsson Lindström Lindqvist Lindgren
        Axelsson Berg Bergström Lundberg Lind Lundgren Lundqvist Mattsson Berglund Fredriksson Sandberg Henriksson
        Forsberg Sjöberg Wallin Engström Eklund Danielsson Lundin Håkansson Björk Bergman Gunnarsson Holm Wikström
        Samuelsson Isaksson Fransson Bergqvist Nyström Holmberg Arvidsson Löfgren Söderberg Nyberg Blomqvist
        Claesson Nordström Mårtensson Lundström Viklund Björklund Eliasson Pålsson Hassan Berggren Sandström Ali
        Lund Nordin Ström Åberg Hermansson Ekström Falk Holmgren Hellström Dahlberg Hedlund Sundberg Sjögren Ek Blom
        Abrahamsson Martinsson Öberg Andreasson Strömberg Månsson Åkesson Hansen Norberg Lindholm Dahl Jonasson""",
    stems=NORDIC_STEMS,
    endings="ström qvist gren blad lund man dahl ell én berg",
    joiner=" ",
    joined=0.04,
    streets="""Stor Skol Kyrko Järnvägs Ring Skogs Äng Björk Park Kung Drottning Ek Gran Villa Södra Norra Östra
        Västra Sjö Trädgårds Idrotts Fabriks Kvarn Bäck Lärk Ros Nygat Vasa Sturegat Linné Hamn Berg Dal Solros""",
    street_forms="%vägen_$ %gatan_$ %gränd_$ %gatan_$_B %stigen_$",
    mobile="70_###_##_## 72_###_##_## 73_###_##_## 76_###_##_##",
    cities="""
        Stockholm; 11# ##; 8 *## ## ##
        Göteborg; 41# ##; 31 *## ## ##
        Malmö; 21# ##; 40 *## ## ##
        Uppsala; 75# ##; 18 *## ## ##
        Västerås; 72# ##; 21 *## ## ##
        Örebro; 70# ##; 19 *## ## ##
        Linköping; 58# ##; 13 *## ## ##
        Jönköping; 55# ##; 36 *## ## ##
        Umeå; 90# ##; 90 *## ## ##""",
)

DENMARK = Country(
    name="Denmark",
    code="DK",
    share=0.02,
    dialing="45",
    trunk="",
    first="""Peter:Per Anne:Annemor Jens Kirsten:Kis Michael:Mikke Mette Lars:Lasse Hanne Henrik Helle Thomas:Tommy
        Anna:Ane Søren Susanne:Sanne Jan Lene Martin Maria:Mia Christian:Chris Marianne:Janne Niels:Nille Inge
        Anders Karen:Kaja Morten Lone Jesper Camilla:Milla Rasmus Pia Kim Bente:Bibi Mads Charlotte:Lotte Hans
        Louise:Lulu Per Gitte Mikkel:Mikke Birgit Jørgen Ida Frederik:Frede Sofie Poul Emma Jonas Julie Torben Tine
        Ole Line Bjørn Åse Jakob Rikke Kåre Bodil Magnus Freja""",
    last="""Nielsen Jensen Hansen Andersen Pedersen Christensen Larsen Sørensen Rasmussen Jørgensen Petersen Madsen
        Kristensen Olsen Thomsen Christiansen Poulsen Johansen Møller Mortensen Knudsen Jakobsen Jacobsen Mikkelsen
        Frederiksen Olesen Laursen Henriksen Lund Eriksen Holm Schmidt Kristiansen Clausen Simonsen Svendsen
        Andreasen Iversen Jeppesen Vestergaard Østergaard Mogensen Nissen Lauridsen Jespersen Frandsen Kjær Jepsen
        Nørgaard Søndergaard Carlsen Bertelsen Dam Bruun Bach Winther Dahl Skov Lassen Lind Friis Villadsen Ravn
        Kofoed""",
    stems="Søn Nør Øst Vester Kirke Damm Skov Bjerre Lind Kjær Holm Lunde Bro Høj Sten Krag Thor Bund",
    endings="gaard bæk strup holm lund dahl by toft",
    joiner=" ",
    joined=0.12,
    streets="""Skole Kirke Vester Øster Nørre Birke Lærke Ring Strand Skov Mølle Rosen Bøge Ege Have Mark Engen
        Stations Søndre Industri Sol Lange Bakke Park""",
    street_forms="%vej_$ %gade_$ %vænget_$ %alle_$,_2._tv",
    mobile="2#_##_##_## 3#_##_##_## 4#_##_##_## 5#_##_##_## 6#_##_##_##",
    cities="""
        København; 1###; 33 ## ## ##
        Aarhus; 8000; 86 ## ## ##
        Odense; 5000; 66 ## ## ##
        Aalborg; 9000; 98 ## ## ##
        Esbjerg; 6700; 75 ## ## ##
        Helsingør; 3000; 49 ## ## ##
        Køge; 4600; 56 ## ## ##""",
)

NORWAY = Country(
    name="Norway",
    code="NO",
    share=0.02,
    dialing="47",
    trunk="",
    first="""Jan:Janne Anne:Annemor Per Inger:Inga Bjørn Kari Ole Marit Lars:Lasse Ingrid:Inga Kjell Liv Knut Eva
        Svein Berit Arne Astrid Thomas:Tommy Bjørg Geir Hilde Hans Anna Tor:Tore Solveig:Solla Morten Marianne:Janne
        Terje Nina Odd Randi Erik Elisabeth:Lise Martin Kristin:Kris Andreas:Andre Bente John Silje Anders Ida Rune
        Hanne Trond Camilla:Milla Tore Heidi Daniel:Dan Nora Harald Emma Øyvind Tone Gunnar Maria:Mia Magnus Sigrid
        Håkon Åse Sindre Ragnhild:Ragna Jørn Wenche Stian Turid Pål Åshild Sølvi Eirik""",
    last="""Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Jensen Karlsen Johnsen Pettersen
        Eriksen Berg Haugen Hagen Johannessen Andreassen Jacobsen Dahl Jørgensen Henriksen Lund Halvorsen Sørensen
        Jakobsen Moen Gundersen Iversen Strand Solberg Svendsen Eide Knutsen Martinsen Paulsen Bakken Kristoffersen
        Mathisen Lie Amundsen Nguyen Rasmussen Lien Solheim Berge Nygård Bakke Kristensen Moe Holm Fredriksen Hauge
        Lunde Antonsen Tangen Myhre Bøe Næss Ødegård Sæther Aas Tveit Myklebust Fjeld""",
    stems="Aas Berg Bjør Dal Eik Fjell Fos Grøn Haug Hell Kvam Lang Li Mo Nor Ny Rø Sand Skog Sol Stor Tve Vik Øv",
    endings="land vik stad heim eng haug dal rud set nes",
    joiner=" ",
    joined=0.08,
    streets="""Kirke Stor Skole Strand Bjørke Jernbane Fjord Haug Elve Park Myr Sol Sjø Bekke Gran Nord Øvre_Torg
        Karl_Johans Rådhus Havne Furu Tjern Solbakke Kongens_""",
    street_forms="%veien_$ %gata_$ %gate_$ %vegen_$_A",
    mobile="4##_##_### 90#_##_### 91#_##_### 92#_##_### 95#_##_### 97#_##_### 99#_##_###",
    cities="""
        Oslo; 01##; 22 ## ## ##
        Bergen; 50##; 55 ## ## ##
        Trondheim; 70##; 73 ## ## ##
        Stavanger; 40##; 51 ## ## ##
        Tromsø; 90##; 77 ## ## ##
        Ålesund; 60##; 70 ## ## ##
        Bodø; 80##; 75 ## ## ##""",
)

COUNTRIES = (
    UNITED_STATES,
    UNITED_KINGDOM,
    GERMANY,
    FRANCE,
    SPAIN,
    POLAND,
    ITALY,
    TURKEY,
    SWEDEN,
    DENMARK,
    NORWAY,
)

# Names that the standards keep free for examples (RFC 2606), so that no mail can reach a real person.
EMAIL_DOMAINS = """mail.example.com example.com mail.example.net example.org example.net post.example.org
    inbox.example.com home.example.net online.example.org web.example.com"""

JOB_TITLES = """Account_Manager Accountant Architect Buyer Chef Consultant Controller
    Customer_Service_Representative Dentist Designer Director_of_Operations Electrician Engineer Executive_Assistant
    Facility_Manager Farmer Finance_Director Head_of_Marketing Head_of_Purchasing HR_Manager Inside_Sales
    IT_Administrator Journalist Lawyer Logistics_Planner Managing_Director Nurse Office_Manager Owner Photographer
    Physician Plant_Manager Product_Manager Project_Manager Purchasing_Assistant Quality_Manager Researcher
    Sales_Director Software_Developer Store_Manager Student Teacher Team_Lead Technician Translator
    Vice_President_Sales Warehouse_Manager"""

COMPANY_NAMES = """Alder_&_Finch Amber_Coast Arcadia Bluebird Brightwater Cobalt Copperfield Driftwood Eastgate
    Edelweiss Evergreen Falcon Fern_&_Stone Fjordline Golden_Acre Granite_Peak Halcyon Harborview Heron Highland
    Ironbridge Juniper Kestrel Lakeside Larkspur Lighthouse Lindenhof Meridian Mistral Moonstone Nightingale
    Northlight Oakhurst Old_Mill Orchard Paragon Pinnacle Quarry_Hill Red_Maple Riverbend Sapphire Silverbirch
    Solstice Stonebridge Summit Sunfield Tamarack Thistle Three_Rivers Timberline Vela Westbrook Whitecap
    Willowbrook Zephyr"""

COMPANY_KINDS = """Ltd GmbH Inc. LLC &_Co. AG S.A. S.r.l. S.L. Sp._z_o.o. AB A/S AS A.Ş. Group Logistics Foods
    Systems Partners Design Hotels Clinic Energy Software Consulting Textiles"""

LEAD_SUBJECTS = """Asked_for_a_call_back Asked_for_a_catalogue Asked_for_a_quote Booked_a_test_ride
    Comes_from_the_newsletter Downloaded_the_buying_guide Interested_in_a_cargo_bike Interested_in_a_city_bike
    Interested_in_a_company_fleet Interested_in_a_gravel_bike Interested_in_a_service_plan Interested_in_e-bikes
    Left_a_card_at_the_fair Recommended_by_a_friend Took_part_in_the_prize_draw Wants_to_trade_in_an_old_bike"""

CASE_SUBJECTS = """Battery_does_not_charge Brakes_squeal Change_of_address Delivery_is_late Invoice_missing
    Missing_screws Parcel_damaged Points_not_credited Question_about_the_warranty Refund_not_received
    Return_label_wanted Wrong_item_sent Wrong_size_delivered"""
