/**
 * What people make passwords of, in lower case and without digits or marks at the ends: one word stands for all the
 * passwords that common-passwords.ts brings back to it (Password1!, P4ssw0rd, 123password). Written for Baywire.
 */
export const commonWords = `
password passwords passwort motdepasse contrasena contraseña senha parola haslo heslo salasana losenord wachtwoord passe passwd passw
pass word passphrase passcode pwd pword secret secrets secure security private access login logon signin signup user username
admin administrator administrador root toor system sysadmin manager master superuser supervisor operator guest default temp temporary
test testing tester demo sample example public changeme changeit change letmein letme openup open sesame opensesame welcome bienvenue
willkommen bienvenido hello hallo hola bonjour ciao goodbye server service support office company business work working job boss
internet computer computador laptop windows microsoft apple google facebook twitter youtube instagram linkedin amazon android iphone
samsung nokia sony playstation nintendo xbox gameboy pokemon pikachu minecraft fortnite roblox starcraft warcraft diablo counterstrike
halo zelda mario luigi sonic tetris network wireless wifi router cisco linux ubuntu debian oracle database postgres mysql mongodb redis
docker kubernetes jenkins tomcat apache nginx vmware github gitlab python java javascript qwerty azerty qwertz asdf asdfgh asdfghjkl
zxcvbn zxcvbnm qazwsx qweasd qweasdzxc wasd poiuyt lkjhg mnbvcxz abcd abcde abcdef abcdefg abcdefgh alphabet trustno trustnoone
nothing something anything everything whatever nobody nopass none null empty blank unknown forgot forget remember
iloveyou iloveu ilovey love lover lovely lovers loveme loveyou luvu iloveme ihateyou hate teamo tequiero amor amour amore jetaime
liebe ichliebedich schatz darling sweetheart sweetie sweety honey babe baby babygirl babyboy babydoll princess princesa prince queen
king angel angels angelo angelito angela devil heaven hell jesus christ jesuschrist god godis good mygod allah buddha bible church
faith hope grace blessed blessing bless heart hearts kiss kisses hugs sexy sexygirl sex hottie beautiful beauty pretty cute cutie
handsome gorgeous girl girls boy boys man woman lady ladies mother father mama papa mommy daddy mom dad sister brother family familia
friend friends friendship bestfriend forever together always never myspace mylove mylife life live living alive death dead die kill
killer murder blood ghost zombie vampire monster demon dragon dragons phoenix unicorn wizard magic magical merlin gandalf frodo hobbit
sauron mordor legolas starwars skywalker yoda vader darthvader jedi stormtrooper millennium startrek enterprise spock matrix neo
trinity morpheus superman batman spiderman ironman hulk thor captain america avengers marvel joker robin catwoman wolverine xmen
harrypotter hermione voldemort hogwarts dumbledore gryffindor slytherin scooby scoobydoo snoopy garfield mickey minnie donald goofy
bugsbunny tweety simpson simpsons homer bart lisa southpark cartman naruto sasuke sakura itachi pikachu goku dragonball onepiece
monkey monkeys tiger tigers lion lions bear bears wolf wolves eagle eagles falcon falcons hawk hawks raven ravens panther panthers
jaguar leopard cheetah cougar puma fox foxy dog dogs doggy puppy cat cats kitty kitten hellokitty mouse rabbit bunny horse horses pony
cow pig piggy chicken duck ducky turtle frog froggy fish fishing shark dolphin dolphins whale snake viper cobra spider scorpion
butterfly ladybug bird birdie penguin elephant giraffe zebra hippo gorilla koala panda buffalo bulldog bulldogs beagle poodle rottweiler
spring summer autumn fall winter sommer herbst fruhling frühling printemps automne hiver verano primavera invierno estate inverno
january february march april june july august september october november december januar februar märz maerz juni juli oktober dezember
monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag
today tomorrow yesterday morning night midnight tonight weekend holiday holidays vacation christmas easter halloween birthday
sun moon star stars sunshine sunny moonlight starlight rainbow rain snow snowball snowflake snowman storm thunder lightning fire water
earth wind ocean river lake beach island mountain forest flower flowers rose roses lily daisy sunflower tulip orchid violet jasmine
cherry apple apples banana orange lemon peach strawberry blueberry berry mango pineapple chocolate cookie cookies candy sugar cream
icecream cake pizza burger cheese butter bacon pasta pepper ginger cinnamon vanilla coffee espresso beer vodka whiskey tequila wine
coke cocacola pepsi sprite budweiser heineken guinness corona jackdaniels marlboro smoke smokey weed marijuana ganja
red blue green yellow black white purple pink silver gold golden orange brown gray grey diamond diamonds crystal ruby emerald sapphire
pearl amber jade money cash dollar dollars rich million millionaire billion bank banker lucky luck winner winners champion champions
victory legend legends hero heroes warrior warriors soldier ninja samurai pirate pirates knight knights viking vikings spartan spartans
trojan trojans titan titans gladiator maverick ranger rangers rebel rebels hunter hunters shooter sniper gunner cowboy cowboys indian
indians redskins chiefs bears packers steelers patriots broncos raiders chargers dolphins giants jets bills browns bengals colts texans
jaguars saints buccaneers cardinals seahawks rams niners fortyniners lakers celtics bulls knicks heat spurs rockets mavericks pistons
magic suns kings hornets yankees redsox mets dodgers cubs phillies braves orioles astros athletics mariners royals twins whitesox
hockey flyers penguins redwings bruins canucks football soccer futbol fussball baseball basketball volleyball softball tennis golf golfer
golfing boxing wrestling wrestler swimming swimmer running runner racing racer nascar formula ferrari porsche mercedes bmw audi
volkswagen toyota honda nissan mazda subaru mitsubishi hyundai ford mustang chevy chevrolet camaro corvette dodge viper charger
harley harleydavidson yamaha kawasaki suzuki ducati triumph jeep hummer cadillac lincoln pontiac jordan michaeljordan kobe lebron
ronaldo ronaldinho messi neymar beckham zidane barcelona realmadrid madrid chelsea arsenal liverpool manchester manutd united tottenham
everton newcastle celtic rangers juventus milan inter bayern schalke dortmund benfica porto ajax galatasaray fenerbahce besiktas
flamengo corinthians palmeiras santos boca river
michael jennifer jessica ashley daniel david matthew joshua andrew anthony christopher christian nicholas nicole michelle melissa
amanda stephanie elizabeth samantha jonathan joseph justin robert richard william thomas charles charlie george james john johnny
jordan brandon tyler taylor austin alexander alexandra alexandre alexis alex andrea andreas antonio angelica anna annie anne barbara
benjamin brian brittany bradley bruce buster carlos carmen caroline catherine cameron chris chrissy christina christine claudia
crystal danielle danny debbie dennis diana donna dylan eddie edward emily emma eric erica eugene felipe fernando francis francisco
frank frankie gabriel gabriela gary gerald ginger gloria gregory hannah harold harry heather helen henry isabella isabelle jack jackie
jackson jacob jake jason jasmine jean jeffrey jeremy jerry jesse jimmy joanna joey joel jorge jose juan judith julia julian julie karen
katherine kathleen katie keith kelly kenneth kevin kimberly kristin kyle larry laura lauren leonardo leslie leonard linda lindsay lisa
lorenzo louise louis lucas lucy luis luke madison marcus margaret maria mariana marie marina mario mark martha martin martina mary
maurice max maximus maxwell megan melanie mercedes miguel mike mikey mitchell molly monica monika morgan nancy natalie natasha nathan
nathalie nelson nicolas oliver olivia oscar pamela patricia patrick paul paula pauline pedro peter philip phillip phil rachel ralph
raymond rebecca ricardo ricky roberto robin rodrigo roger roland ronald rosie roxanne russell ruben ryan sabrina sally salvador samuel
sammy sandra sandy santiago sarah scott sebastian sergio sharon shannon shawn sheila shirley simon simone sophia sophie spencer stacey
stanley stella stephen steven stewart stuart susan sylvia tamara teresa terry theresa tiffany timothy tommy tony tracy travis trevor
valentin valentina valerie vanessa veronica victor victoria vincent virginia walter wayne wendy wesley yolanda zachary muhammad mohamed
mohammed ahmed fatima hassan hussein ibrahim mustafa mehmet aisha omar
sascha sergei vladimir natascha dmitri ivan olga svetlana tatiana boris andrey nastya maxim alexey
america american usa england english britain london paris france francais germany deutschland berlin hamburg munich muenchen münchen
cologne vienna wien zurich italy italia roma napoli milano spain espana madrid portugal lisboa brasil brazil mexico mexican canada
australia sydney melbourne russia moscow moskva poland polska warszawa ireland irish dublin scotland scottish wales sweden norway
denmark finland holland amsterdam belgium switzerland austria hungary greece greek turkey turkiye istanbul india mumbai delhi china
chinese beijing japan tokyo korea seoul vietnam thailand indonesia malaysia singapore manila philippines pakistan iran israel egypt
africa nigeria texas dallas houston austin california losangeles sanfrancisco sandiego chicago boston newyork brooklyn bronx manhattan
florida miami orlando georgia atlanta virginia carolina ohio denver phoenix arizona seattle portland vegas lasvegas hawaii alaska
detroit philadelphia washington jersey
music musica song guitar piano drums drummer bass rocknroll rock rocker rockstar metal heavymetal punk jazz blues hiphop rapper dance
dancer dancing disco techno beatles metallica nirvana slipknot korn acdc ironmaiden blacksabbath ledzeppelin pinkfloyd greenday
blink linkinpark eminem tupac snoopdogg biggie madonna britney rihanna beyonce shakira elvis hendrix marley bobmarley cobain lennon
jackson prince queen abba genesis depeche
happy happiness sad crazy crazygirl lonely smile smiley laugh funny fun cool coolest awesome amazing great perfect special super
superstar star popstar fantasy dream dreams dreamer believe freedom liberty peace peaceful justice truth honor glory power powerful
strong strength energy force spirit soul mind brain genius smart stupid idiot loser dumbass asshole bitch fucker fuck fuckyou fuckoff
fuckme motherfucker shit bullshit damn bastard dick dickhead cock cocks pussy penis vagina boobs tits nipple porn porno naked nude
horny hardcore playboy player playa pimp gangster gangsta thug nigga hacker hack cracker warez leet elite matrix cyber virus trojan
phantom shadow shadows mystery mystic dark darkness darkside black night light angel bright silence quiet
football1 number numberone one two three four five six seven eight nine ten twelve hundred thousand zero first last second
school college university student students teacher class senior junior freshman graduate library book books reading science math
history english doctor nurse hospital medical police fireman firefighter army military navy marine marines airforce sergeant major
colonel general captain commander president obama clinton trump kennedy
car cars truck driver drive parking park garage bicycle bike biker train plane airplane pilot flight rocket space apollo galaxy universe
planet mars venus jupiter saturn mercury pluto neptune orion andromeda nebula cosmos alien aliens robot robots android machine
door window house home homes room kitchen garden street city town country world hotel castle tower bridge gate gates key keys lock
table chair bed mirror picture photo camera movie movies film television radio phone telephone mobile cellphone email mail letter
paper pencil pen number numbers code codes game games gamer gaming play playing toys doll ball
slayer blaster turbo nitro thunderbolt hotrod speed speedy fast furious flash bullet rifle pistol gun guns weapon sword shield armor
buddy buster bailey max maxi rocky lucky lucy molly daisy sadie maggie sophie chloe coco bella luna milo oscar toby bandit shadow
pepper peanut princess precious muffin cookie pumpkin patches oreo tigger simba nala smokey sparky spike rusty rascal harley
marshmallow bubbles bubba tinkerbell cinderella mickeymouse barbie shorty chubby fatty skinny biggie bigdaddy bigboy bigdog papito
mamita bonita chiquita hermosa guapa carino corazon cielo estrella mariposa tigre caballo perro gato amigos amistad sandrita mexico
chivas aguilas cruzazul tequiero teamomucho estrellita chocolate alejandro alejandra fernanda guadalupe rosario
geheim passwort1 kennwort hallo1234 schatzi hase mausi engel sonne sonnenschein sommer fussball computer1 killer ficken arschloch
schalke hsv werder bvb borussia mercedes berlin deutschland ostern weihnachten
azertyuiop loulou doudou chouchou marseille soleil bonjour coucou nicolas camille chocolat papillon chien maman poupette juillet
trustme letsgo comeon goodluck thankyou please sorry yesyes nono okay okok haha lol lmao omg wtf hahaha lalala blabla blahblah
company123 monitor keyboard printer desktop notebook memory digital virtual online offline website webmaster hosting domain cloud
backup storage archive upload download update upgrade install setup config settings control center console terminal session account
accounts accounting finance sales marketing customer client partner vendor employee staff training meeting project report invoice
payment credit creditcard debit visa mastercard paypal bitcoin crypto ethereum blockchain wallet invest stock stocks trading
corona covid pandemic vaccine lockdown zoom tiktok snapchat whatsapp netflix spotify discord telegram twitch reddit uber airbnb tesla
spacex openai chatgpt alexa siri cortana
baseball1 whocares noway nopassword mypassword mypass mysecret thepassword yourpassword newpassword oldpassword firstpassword
jamesbond masturbation masturbate masterbating contortionist businessbabe manchesterunited ilovejesus unbelievable godislove goodgirl badgirl
badboy bigbrother littleone sweetpea sugarplum loveforever iloveyoubaby iloveyoumore teddybear ladybird raiderette undertaker stonecold
thundercat redneck blackcat whitecat blackjack bluebird goldfish catfish starfish nightmare deadpool halflife hellfire godfather
solo onepassword userpassword adminpassword rootpassword mynameis iamthe iamgod thebest thebeast thegreat theman theking theone
`
  .trim()
  .split(/\s+/)
